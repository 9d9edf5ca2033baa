"""The two tasks there are, found by name or by what a file holds."""

from __future__ import annotations

from pathlib import Path

from edgessl import checkpoint
from edgessl.dense.detection import deploy as of_detector
from edgessl.dense.detection.suppressed_graph import FULL, RAW
from edgessl.dense.detection.task import DETECTION
from edgessl.dense.segmentation import deploy as of_segmenter
from edgessl.dense.segmentation.files import HEAD, WHOLE
from edgessl.dense.segmentation.task import SEGMENTATION
from edgessl.dense.task import Task
from edgessl.errors import UserError

TASKS = {task.name: task for task in (DETECTION, SEGMENTATION)}
_OF_KIND = {of_detector.KIND: DETECTION, of_segmenter.KIND: SEGMENTATION}
OF_HEAD = {FULL: DETECTION, RAW: DETECTION, HEAD: SEGMENTATION, WHOLE: SEGMENTATION}
"""By the output of an exported file."""


def task_of_checkpoint(path: Path) -> Task | None:
    """Return the task of a checkpoint; None where it has none, or cannot be read.

    Args:
        path: Any file.
    """
    if path.suffix != ".pt" or not path.is_file():
        return None
    try:
        return _OF_KIND.get(str(checkpoint.load(path).get("kind")))
    except UserError:
        return None
