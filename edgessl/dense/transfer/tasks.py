"""The two tasks of transfer there are, found by name or by what a file holds."""

from __future__ import annotations

from pathlib import Path

from edgessl import checkpoint
from edgessl.dense.transfer.pixel_task import PIXELS
from edgessl.dense.transfer.region_task import REGIONS
from edgessl.dense.transfer.task import TransferTask
from edgessl.errors import UserError

TRANSFERS = {task.name: task for task in (REGIONS, PIXELS)}
OF_KIND = {task.kind: task for task in (REGIONS, PIXELS)}
"""By the kind of a checkpoint."""


def transfer_of_checkpoint(path: Path) -> TransferTask | None:
    """Return the task of a checkpoint; None where it has none, or cannot be read.

    Args:
        path: Any file.
    """
    if path.suffix != ".pt" or not path.is_file():
        return None
    try:
        return OF_KIND.get(str(checkpoint.load(path).get("kind")))
    except UserError:
        return None
