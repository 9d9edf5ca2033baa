"""A dense network that is ready to be exported, with the images that its files are proven on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl import checkpoint
from edgessl.artifact import Metadata
from edgessl.dense.answers import Run, answers_of
from edgessl.dense.task import Answer, Array, Finished, Set, Task
from edgessl.errors import UserError
from edgessl.export.core import portable
from edgessl.export.target import Target

Say = Callable[[str], None]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Ready:
    """A network, ready to be written and proven.

    Attributes:
        task: Detection or segmentation.
        finished: The checkpoint's.
        target: What the files are for.
        metadata: What each file says about itself, but for its head.
        images: Of its run or of ``--data``; None where they are not to be had.
        why_not: Why there are none.
    """

    task: Task
    finished: Finished
    target: Target
    metadata: Metadata
    images: Set | None
    why_not: str = ""

    @property
    def test(self) -> Sequence[Any]:
        """Images of ``test``; none where they are not to be had."""
        return self.images.test if self.images is not None else ()


def ready_to_export(
    task: Task, path: Path, target: Target, data: str | None, say: Say
) -> Ready:
    """Open a checkpoint, and read the images that its files are proven on.

    Args:
        task: Detection or segmentation.
        path: The checkpoint.
        target: What the files are for.
        data: Images for the gates; None for those of its run.
        say: Called with the name of each step.

    Raises:
        UserError: The images of ``data`` cannot be used, or have other classes.
    """
    finished = task.learning.open(checkpoint.load(path), str(path))
    metadata = Metadata(
        head=task.files.raw, classes=finished.classes, preprocess=finished.square.to_dict(),
        input_px=finished.square.input_px,
        provenance=portable({"checkpoint": path.name, **finished.provenance}),
    )
    source = data or str(finished.provenance.get("data", ""))
    say("reading the images")
    try:
        images, why_not = task.data.load(source, None), ""
    except UserError as error:
        if data is not None:
            raise
        images, why_not = None, f"the images of its run are not to be had ({error})"
    if images is not None and images.classes != finished.classes:
        raise UserError(
            f"{source}: must have the {task.word}'s classes ({', '.join(finished.classes)}), got "
            f"{', '.join(images.classes)}; pass the data it was trained for"
        )
    return Ready(task, finished, target, metadata, images, why_not)


def answers_of_file(ready: Ready, run: Run, head: str, pixels: Pixels) -> Iterator[Answer]:
    """Give what a file says of images, batch by batch.

    Args:
        ready: The network that it is a file of.
        run: The file, opened.
        head: What the file gives.
        pixels: Images, ``(N, H, W, 3)`` as they are cut for it.
    """
    square, batch = ready.finished.square, ready.task.judging.batch
    for first in range(0, len(pixels), batch):
        part = pixels[first : first + batch]
        read = reader_of(ready.finished, head, len(part))
        yield from answers_of(run, square, read)(part)


def reader_of(finished: Finished, head: str, images: int) -> Callable[[Array], list[Answer]]:
    """Return what reads the output of a file.

    Args:
        finished: The network that it is a file of.
        head: What the file gives.
        images: In a batch.
    """
    return lambda output: finished.read(head, output, images)
