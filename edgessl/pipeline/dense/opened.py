"""A dense network as a function of images, from a checkpoint or an exported file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edgessl.artifact import open_artifact
from edgessl.dense.answers import answers_of_finished
from edgessl.dense.square import Square
from edgessl.dense.task import Answer, Task
from edgessl.dense.tasks import OF_HEAD, task_of_checkpoint
from edgessl.errors import UserError


@dataclass(frozen=True)
class Network:
    """A network that answers.

    Attributes:
        model: Its file.
        task: Detection or segmentation.
        classes: Class names in label order.
        ask: An upright RGB image to the answer.
    """

    model: Path
    task: Task
    classes: tuple[str, ...]
    ask: Callable[[Image.Image], Answer]


def open_network(model: Path, *, trust: bool = False) -> Network:
    """Open a detector or a segmenter.

    Args:
        model: ``ckpt.pt``, or a file that ``edgessl export`` wrote of it.
        trust: Whether to open a ``.torchscript`` file that no manifest lists.

    Raises:
        UserError: The file cannot be used.
    """
    if (task := task_of_checkpoint(model)) is not None:
        return _of_checkpoint(model, task)
    artifact = open_artifact(model, trust=trust)
    metadata = artifact.metadata
    if metadata is None or metadata.head not in OF_HEAD:
        raise UserError(
            f"{model}: must be a detector or a segmenter that edgessl exported, got another file"
        )
    task, head = OF_HEAD[metadata.head], metadata.head
    square = Square.from_dict(metadata.preprocess)

    def ask(image: Image.Image) -> Answer:
        if artifact.takes == "pixels":
            output = artifact.run(np.asarray(image)[None])
        else:
            output = artifact.run(square.normalise(square.pixels(image)[None]))
        return task.files.read(head, output, 1)[0]

    return Network(model, task, metadata.classes, ask)


def _of_checkpoint(model: Path, task: Task) -> Network:
    import torch

    from edgessl import checkpoint

    finished = task.learning.open(checkpoint.load(model), str(model))
    answers = answers_of_finished(task, finished, torch.device("cpu"))
    return Network(
        model, task, finished.classes,
        lambda image: answers(finished.square.pixels(image)[None])[0],
    )
