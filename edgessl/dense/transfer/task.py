"""What a paper's network is made of: its data, learning, judging and page.

Training, scoring, planning and reporting are written once over a ``TransferTask``;
``region_task`` and ``pixel_task`` are the two there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from edgessl.backbones import Backbone
from edgessl.data.parallel import Progress
from edgessl.dense.originals import Listed
from edgessl.dense.transfer.originals import Stream
from edgessl.errors import UserError
from edgessl.runs.stages import StageId
from edgessl.train.loop.fit import Sampler

Set = Any
"""A ``DenseSet`` of the task's images."""
Recipe = Any
"""A recipe of the task's."""


class Sized(Listed, Protocol):
    """An image file whose size is known."""

    @property
    def height(self) -> int:
        """Upright, in pixels."""
        ...

    @property
    def width(self) -> int:
        """The same."""
        ...


class Finished(Protocol):
    """A network of a task, as a checkpoint holds it."""

    @property
    def module(self) -> nn.Module:
        """In evaluation mode."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order."""
        ...

    @property
    def backbone(self) -> str:
        """Name of its backbone."""
        ...


@dataclass(frozen=True)
class TransferLearner:
    """A network that is being trained.

    Attributes:
        module: A ``Method``: what a sampler makes to a loss.
        images: What it is trained on.
        sampler_of: Makes what turns the visits of a stream into batches.
        precise_steps: Steps that BN is measured over; 0 keeps the running statistics.
        payload: Provenance to the checkpoint of the network as it is.
    """

    module: nn.Module
    images: Sequence[Sized]
    sampler_of: Callable[[Stream], Sampler]
    precise_steps: int
    payload: Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class TransferTask:
    """A task.

    Attributes:
        name: ``detect`` or ``segment``.
        kind: Of its checkpoints.
        stage: The training of a run.
        arms: The trainings to compare with.
        load: A source to a set.
        refuse_unfit: Raises where a recipe cannot learn from a set.
        build: A backbone, number of classes and recipe to a network; raises where the backbone
            has not what the recipe reads.
        learner: The same and a set to a learner.
        open: A checkpoint's payload and its file's name to a finished network.
        renumbered: A set with its classes numbered as a network knows them.
        judge: A finished network, a set, a device and progress to figures, as plain values.
        words: Figures as the papers give them.
        figure: Name and key in ``scores`` of the figure that has an interval.
        called: A recipe to the name of its network.
        draw: Folder, report, network, set and device: writes ``report.html``.
    """

    name: str
    kind: str
    stage: StageId
    arms: Mapping[str, StageId]
    load: Callable[[str | Path, Progress | None], Set]
    refuse_unfit: Callable[[Recipe, Set], None]
    build: Callable[[Backbone, int, Recipe], nn.Module]
    learner: Callable[[Backbone, Recipe, Set], TransferLearner]
    open: Callable[[dict[str, Any], str], Any]
    renumbered: Callable[[Set, tuple[str, ...]], Set]
    judge: Callable[[Any, Set, torch.device, Progress], dict[str, Any]]
    words: Callable[[Mapping[str, Any]], str]
    figure: tuple[str, str]
    called: Callable[[Recipe], str]
    draw: Callable[[Path, Mapping[str, Any], Any, Set, torch.device], None]


def numbers_of(source: str, own: Sequence[str], known: Sequence[str]) -> list[int]:
    """Return the place among the known classes of each class of a set, by name.

    Raises:
        UserError: A class is not known.
    """
    unknown = [name for name in own if name not in known]
    if unknown:
        raise UserError(
            f"{source}: must have classes the network knows ({', '.join(known)}), got "
            f"{', '.join(unknown)} too; rename or leave them out"
        )
    return [known.index(name) for name in own]
