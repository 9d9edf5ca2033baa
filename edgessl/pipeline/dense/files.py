"""Which files and folders are of detectors and segmenters; found without torch where it can be."""

from __future__ import annotations

from pathlib import Path

from edgessl.artifact.metadata import DENSE_HEADS
from edgessl.artifact.opened import SUFFIXES, read_metadata
from edgessl.errors import UserError
from edgessl.json_file import read_table

TASKS = ("detect", "segment")
CHECKPOINT = ".pt"


def is_dense(model: Path) -> bool:
    """Tell whether a file is a detector's or a segmenter's: its checkpoint, or exported of it.

    Args:
        model: Any file that a user may name as a network.
    """
    if model.suffix == CHECKPOINT:
        from edgessl.dense.tasks import task_of_checkpoint  # imports torch

        return task_of_checkpoint(model) is not None
    if model.suffix.lower() not in SUFFIXES or not model.is_file():
        return False
    try:
        metadata = read_metadata(model)[1]
    except UserError:  # who opens it says what is wrong
        return False
    return metadata is not None and metadata.head in DENSE_HEADS


def is_dense_run(run: Path) -> bool:
    """Tell whether a folder holds a finished run of a detector or a segmenter."""
    return read_table(run / "report.json").get("task") in TASKS


def is_transferred(model: Path) -> bool:
    """Tell whether a file is the checkpoint of a paper's detector or segmenter."""
    if model.suffix != CHECKPOINT or not model.is_file():
        return False
    from edgessl.pipeline.dense import transferred  # imports torch

    return transferred.is_transferred(model)


def refuse_transferred(model: Path) -> None:
    """Refuse the checkpoint of a paper's detector or segmenter where a network is to go on.

    Raises:
        UserError: It is one.
    """
    if is_transferred(model):
        raise UserError(
            f"{model}: must be a network for devices, got a paper's detector or segmenter, which "
            "edgessl eval and edgessl report judge; train one of `edgessl list recipes`, under "
            "detectors or segmenters"
        )
