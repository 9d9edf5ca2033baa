"""What the training loop asks of a method, and what pretraining asks besides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.recipe.method_tables import MethodTable
from edgessl.schedules import Clock


class Step(NamedTuple):
    """One forward pass.

    Attributes:
        loss: Scalar to minimise.
        log: Scalars worth a line in the log.
        frozen: Trainable parameters that stay as they are at this step: the loop drops their
            gradients. (Without a gradient, processes would wait for each other's.)
        winners: The most likely prototype of every target of all processes, ``(N,)`` int64, of as
            many as the table's ``prototypes`` says; None without prototypes.
    """

    loss: Tensor
    log: dict[str, Tensor]
    frozen: tuple[nn.Parameter, ...] = ()
    winners: Tensor | None = None


class Method(Protocol):
    """A module that turns views into a loss.

    With several processes, each passes its part of the batch. Whatever compares images with each
    other gathers first; losses and logged scalars are averaged over processes by the loop. Every
    trainable parameter takes part in every loss, because processes exchange all gradients.

    ``labels`` is ``(B,)`` where a method learns from them and None otherwise, so that pretraining,
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


class PretrainingMethod(nn.Module, ABC):
    """A method of pretraining; it declares only, and every method does all itself.

    Attributes:
        table: Settings of the method.
        backbone: The network that is kept.
    """

    table: MethodTable
    backbone: Backbone

    @abstractmethod
    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss of a batch from its views, ``(V, B, 3, H, W)`` for each group."""
        raise NotImplementedError

    @abstractmethod
    def hidden_part(self) -> nn.Sequential:
        """Return what ``table.hidden_layers`` describes, the student's own; not a copy."""
        raise NotImplementedError

    @abstractmethod
    def after_step(self, clock: Clock) -> None:
        """Update what follows the trained weights, such as a momentum teacher."""
        raise NotImplementedError
