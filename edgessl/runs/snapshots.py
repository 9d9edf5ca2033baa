"""Snapshots of pretraining in a run folder: ``snapshots/epoch-0010.pt`` and so on."""

from __future__ import annotations

from pathlib import Path

FOLDER = "snapshots"
PATTERN = "epoch-*.pt"


def file_of(epoch: int) -> str:
    """Return where the network after an epoch lies, in the run folder.

    Args:
        epoch: Of the whole pretraining, from 1.
    """
    return f"{FOLDER}/epoch-{epoch:04d}.pt"


def run_of(file: Path) -> Path:
    """Return the run folder of one of its networks.

    Args:
        file: The network, which lies in the folder or is a snapshot.
    """
    return file.parent.parent if file.absolute().parent.name == FOLDER else file.parent
