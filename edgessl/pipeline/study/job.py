"""The runs that a row of a study needs: what is pretrained, and how it is fine-tuned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from edgessl.recipe.study_row import Row
from edgessl.runs.stages import PRETRAIN
from edgessl.start.source import NONE


@dataclass(frozen=True, slots=True)
class Pretraining:
    """A run that pretrains only; rows that need the same one share it.

    Attributes:
        recipe: ``NAME`` or ``NAME:VARIANT``.
        data: Where the images are.
        epochs: Of pretraining; None for the recipe's.
        overrides: ``KEY=VALUE`` changes.
        folder: Name of its run folder, which is another for another start.
        init: Weights that it starts from, as ``edgessl recipe --init`` takes them.
    """

    recipe: str
    data: str
    epochs: int | None
    overrides: tuple[str, ...]
    folder: str
    init: str = field(default=NONE, repr=False)  # the names of folders come from the rest


@dataclass(frozen=True, slots=True)
class Rescaling:
    """What is done to the norms of a pretrained network (AIRL's NormRescale).

    Attributes:
        constant: What weights are multiplied by; None with an anchor.
        anchor: Whose norms they take; None with a constant.
    """

    constant: float | None
    anchor: Pretraining | None

    @property
    def file(self) -> str:
        """What is written, in the folder of the network."""
        return f"rescaled-{hash_of(repr(self))}.pt"


@dataclass(frozen=True, slots=True)
class Tuning:
    """A fine-tuning of such a run, or of given weights.

    Attributes:
        start: The pretraining, or weights as ``edgessl finetune`` takes them.
        recipe: Whose ``[finetune]`` is taken.
        data: Where the labelled images are.
        label_percent: Share of their labels; None for all.
        labels_per_class: Or how many of each class.
        overrides: ``KEY=VALUE`` changes.
        folder: Name of its run folder.
        file: Of the pretraining.
    """

    start: Pretraining | str
    recipe: str
    data: str
    label_percent: float | None
    labels_per_class: int | None
    overrides: tuple[str, ...]
    folder: str
    file: str = PRETRAIN.file


@dataclass(frozen=True, slots=True)
class Transferring:
    """A paper's detector or segmenter on such a network, or on given weights.

    Attributes:
        start: The pretraining, weights as ``edgessl finetune`` takes them, or ``none``.
        task: ``detect`` or ``segment``.
        recipe: Of transfer; the start's backbone takes the place of its own.
        backbone: That of the start.
        data: Where the images are.
        iterations: Steps; None for the recipe's.
        overrides: ``KEY=VALUE`` changes.
        folder: Name of its run folder.
        file: Of the pretraining.
    """

    start: Pretraining | str
    task: str
    recipe: str
    backbone: str
    data: str
    iterations: int | None
    overrides: tuple[str, ...]
    folder: str
    file: str = PRETRAIN.file


@dataclass(frozen=True, slots=True)
class Job:
    """All that a row needs.

    Attributes:
        row: The row.
        pretraining: What is pretrained; None for nothing.
        tuning: What is fine-tuned; None for nothing.
        rescaled: What is done to its norms before; None for nothing.
        fused: Further networks whose features are laid beside.
        scored_on: Where the images are that are scored.
        network: What of the pretraining is taken: its end, or a snapshot.
        under: The paper's detector or segmenter that it is put under; None for nothing.
        weights: Given weights that are scored as they are; empty for none.
    """

    row: Row
    pretraining: Pretraining | None
    tuning: Tuning | None
    rescaled: Rescaling | None
    fused: tuple[Pretraining, ...]
    scored_on: str
    network: str = PRETRAIN.file
    under: Transferring | None = None
    weights: str = ""

    @property
    def last(self) -> Pretraining | Tuning | Transferring | None:
        """The run that its number comes from."""
        return self.under or self.tuning or self.pretraining

    @property
    def pretrainings(self) -> tuple[Pretraining, ...]:
        """All runs that pretrain."""
        own = () if self.pretraining is None else (self.pretraining,)
        anchor = self.rescaled.anchor if self.rescaled is not None else None
        return (*own, *self.fused, *(() if anchor is None else (anchor,)))

    @property
    def file(self) -> str:
        """The network that is fine-tuned or scored, in the folder of the pretraining."""
        return self.network if self.rescaled is None else self.rescaled.file

    @property
    def identity(self) -> str:
        """What tells it apart from a job with another answer."""
        return hash_of(repr(self))


def hash_of(text: str) -> str:
    """Return a short name of what was asked for.

    Args:
        text: All of it.
    """
    return hashlib.sha1(json.dumps(text).encode(), usedforsecurity=False).hexdigest()[:10]
