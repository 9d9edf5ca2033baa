"""What the training loop asks of a method."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.schedules import Clock


class Step(NamedTuple):
    """One forward pass.

    Attributes:
        loss: Scalar to minimise.
        log: Scalars worth a line in the log.
    """

    loss: Tensor
    log: dict[str, Tensor]


class Method(Protocol):
    """A module that turns views into a loss.

    ``labels`` is ``(B,)`` for supervised training and None otherwise, so that pretraining,
    fine-tuning and the baselines share one loop, and with it one way to resume.
    """

    @property
    def backbone(self) -> Backbone:
        """The network that is kept."""
        ...

    def __call__(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss of a batch from its views, ``(V, B, 3, H, W)`` for each group."""
        ...

    def after_step(self, clock: Clock) -> None:
        """Update what follows the trained weights, such as a momentum teacher."""
        ...
