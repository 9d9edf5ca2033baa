"""A dense network as a function of pixels, from a checkpoint or an exported file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgessl.artifact import open_artifact
from edgessl.dense.answers import Answers, answers_of, answers_of_finished
from edgessl.dense.square import Square
from edgessl.dense.task import Array, Task
from edgessl.dense.tasks import OF_HEAD, task_of_checkpoint
from edgessl.errors import UserError


@dataclass(frozen=True)
class Network:
    """A network that answers.

    Attributes:
        model: Its file.
        task: Detection or segmentation.
        classes: Class names in label order.
        square: The evaluation transform.
        answers: Pixels to an answer for each image.
    """

    model: Path
    task: Task
    classes: tuple[str, ...]
    square: Square
    answers: Answers


def open_network(model: Path, *, trust: bool = False) -> Network:
    """Open a detector or a segmenter.

    Args:
        model: ``ckpt.pt``, or a file that ``edgessl export`` wrote of it.
        trust: Whether to open a ``.torchscript`` file that no manifest lists.

    Raises:
        UserError: The file cannot be used.
    """
    if (task := task_of_checkpoint(model)) is not None:
        import torch

        from edgessl import checkpoint

        finished = task.learning.open(checkpoint.load(model), str(model))
        answers = answers_of_finished(task, finished, torch.device("cpu"))
        return Network(model, task, finished.classes, finished.square, answers)
    artifact = open_artifact(model, trust=trust)
    metadata = artifact.metadata
    if metadata is None or metadata.head not in OF_HEAD:
        raise UserError(
            f"{model}: must be a detector or a segmenter that edgessl exported, got another file"
        )
    found, head = OF_HEAD[metadata.head], metadata.head
    square = Square.from_dict(metadata.preprocess)

    def one_by_one(output: Array) -> list[object]:
        return found.files.read(head, output, 1)

    single = answers_of(artifact.run, square, one_by_one)
    # Rows of a file with the suppression inside belong to images by their number.
    return Network(
        model, found, metadata.classes, square,
        lambda pixels: [single(one[None])[0] for one in pixels],
    )
