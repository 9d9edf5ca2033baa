"""What a task with answers at places is made of: its data, learning, judging, drawing and files.

Training, scoring, export, prediction and the page are written once over a ``Task``;
``edgessl.dense.detection.task`` and ``edgessl.dense.segmentation.task`` are the two there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from edgessl.artifact import Takes
from edgessl.backbones import Backbone
from edgessl.data.parallel import Progress
from edgessl.dense.square import Square
from edgessl.export.gates.gate import Gate
from edgessl.runs.stages import StageId
from edgessl.train.loop.fit import Sampler
from edgessl.train.place.context import Workplace

Set = Any
"""A ``DenseSet`` of the task's images."""
Answer = Any
"""What a network says of one image: boxes, or logits of every pixel."""
Array = NDArray[np.float32]


class Judged(Protocol):
    """Answers on the images of a split, judged."""

    @property
    def value(self) -> float:
        """The task's figure, in percent."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return ``scores`` with the figure and its interval, and all others, as plain values."""
        ...

    def resampled(self) -> NDArray[np.float64]:
        """Return the figure over images drawn again; those of two networks are pairs."""
        ...

    def save(self, path: Path) -> None:
        """Write what ``Judging.load`` reads."""
        ...


class Finished(Protocol):
    """A network of a task, as a checkpoint holds it."""

    @property
    def module(self) -> nn.Module:
        """Normalised images ``(B, 3, S, S)`` to the raw output; in eval mode."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order."""
        ...

    @property
    def square(self) -> Square:
        """The evaluation transform."""
        ...

    @property
    def provenance(self) -> dict[str, Any]:
        """Recipe, data, seed and version, as plain values."""
        ...

    def read(self, head: str, output: Array, images: int) -> list[Answer]:
        """Turn the output of a file with a head into an answer for each image."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return what the report says of it besides size and cost."""
        ...


@dataclass(frozen=True)
class Learner:
    """A network that is being trained.

    Attributes:
        method: A module that is a ``Method``: images and answers to a loss.
        sampler: Makes batches.
        network: Normalised images to the raw output.
        read: The raw output to an answer for each image.
        payload: Provenance to the checkpoint of the network as it is.
    """

    method: Any
    sampler: Sampler
    network: nn.Module
    read: Callable[[Array], list[Answer]]
    payload: Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Data:
    """How images are read and told.

    Attributes:
        load: A source to a ``DenseSet``.
        described: The first line about a set.
        left_out: What may be left out of one, in words.
        renumbered: Images of a set with labels in the order of other classes.
    """

    load: Callable[[str | Path, Progress | None], Set]
    described: Callable[[Set], str]
    left_out: str
    renumbered: Callable[[Set, Sequence[str], Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class Learning:
    """How networks come to be.

    Attributes:
        load_recipe: A name and changes to a recipe.
        learner: Backbone, recipe, set and place to a learner; the flag says whether the backbone
            starts from weights.
        open: A checkpoint's payload and its file's name to a finished network.
    """

    load_recipe: Callable[[str, Sequence[str]], Any]
    learner: Callable[[Backbone, Any, Set, Workplace, bool], Learner]
    open: Callable[[dict[str, Any], str], Finished]


@dataclass(frozen=True)
class Judging:
    """How answers are judged.

    Attributes:
        figure: Key of the figure in ``scores``; ``val_`` before it is its key in the log.
        words: The figure in words.
        meaning: A sentence about it, for pages.
        batch: Images that are answered together.
        judge: Answers, images and classes to what is said of them.
        kept: Ending of the files in ``state/`` with what was judged.
        load: Reads such a file, for the same images and classes.
    """

    figure: str
    words: str
    meaning: str
    batch: int
    judge: Callable[[Iterable[Answer], Sequence[Any], Sequence[str]], Judged]
    kept: str
    load: Callable[[Path, Sequence[Any], Sequence[str]], Judged]


@dataclass(frozen=True)
class Drawing:
    """How answers are shown.

    Attributes:
        head: What answers are: ``detections`` or ``pixels``.
        answer: Draws an answer over an upright image.
        truth: Draws what is annotated.
        told: Answer, width and height, and classes to plain values for ``edgessl predict``.
        template: Of the report page.
        pictures: Test images on the page.
        title: Heading of these.
        lead: A sentence under it.
        facts: ``report.json`` to lines about the run, of this task alone.
        values: ``report.json`` to further values of the template.
    """

    head: str
    answer: Callable[[Image.Image, Answer, Sequence[str]], Image.Image]
    truth: Callable[[Image.Image, Any, Sequence[str]], Image.Image]
    told: Callable[[Answer, tuple[int, int], Sequence[str]], dict[str, Any]]
    template: str
    pictures: int
    title: str
    lead: str
    facts: Callable[[Mapping[str, Any]], list[tuple[str, str]]]
    values: Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Variant:
    """A graph to be written.

    Attributes:
        name: Of the file, ``model.onnx`` or ``model.raw.onnx``; int8 is put before the ending.
        head: Its output.
        purpose: What it is for.
        graph: An ``onnx.ModelProto``.
        rows: What its first dimension counts.
        takes: Normalised images, or ``"pixels"`` of any size.
    """

    name: str
    head: str
    purpose: str
    graph: Any
    rows: str = "batch"
    takes: Takes = "normalised"


@dataclass(frozen=True)
class Files:
    """How networks are exported.

    Attributes:
        raw: Output of the network itself.
        whole: Output of the files with the preprocessing inside, which tell what
            ``Drawing.head`` says.
        variants: The graph with the output ``raw`` and the finished network to what is written.
        torchscript: Name and purpose of the TorchScript file.
        read: Head, output and images to answers, where there is only a file.
        more_gates: Checks of a file's answers against the checkpoint's; the flag frees int8.
        gate: Name of the gate of the figure.
        run_py: What ``run.py`` does for it.
        about: Lines of ``preprocess.json`` of this task alone.
        vector: What a file tells to what ``testvectors.npz`` keeps of it, and under which name.
        joined: What it tells of single images to that of a batch.
    """

    raw: str
    whole: str
    variants: Callable[[Any, Any], list[Variant]]
    torchscript: tuple[str, str]
    read: Callable[[str, Array, int], list[Answer]]
    more_gates: Callable[[Sequence[Answer], Sequence[Answer], bool], list[Gate]]
    gate: str
    run_py: str
    about: Callable[[Any], dict[str, Any]]
    vector: Callable[[Array], tuple[str, NDArray[Any]]]
    joined: Callable[[Sequence[Array]], Array]


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        name: ``detect`` or ``segment``.
        word: What its network is called.
        stage: The training of a run.
        arms: The trainings to compare with.
        data: How images are read.
        learning: How networks come to be.
        judging: How answers are judged.
        drawing: How answers are shown.
        files: How networks are exported.
    """

    name: str
    word: str
    stage: StageId
    arms: Mapping[str, StageId]
    data: Data
    learning: Learning
    judging: Judging
    drawing: Drawing
    files: Files
