"""What a transfer left, asked again: its figures on images, and its page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from edgessl import checkpoint
from edgessl.dense.transfer.tasks import OF_KIND, TRANSFERS, transfer_of_checkpoint
from edgessl.device import pick_device
from edgessl.errors import UserError
from edgessl.json_file import read_table


def is_transferred(path: Path) -> bool:
    """Tell whether a file is the checkpoint of a transfer; one that cannot be read is none."""
    return transfer_of_checkpoint(path) is not None


def evaluate_transferred(
    model: Path, data: str, *, device: str = "auto", say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Score the checkpoint of a transfer on the ``test`` of a set.

    Args:
        model: ``ckpt.pt`` of its run.
        data: A set's name or a folder, as it was trained on.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        say: Called with the name of each step.

    Returns:
        Plain values: ``model``, ``data``, ``words``, and what ``report.json`` has of the scores.

    Raises:
        UserError: Something does not exist or does not fit.
    """
    where, payload = torch.device(pick_device(device)), checkpoint.load(model)
    task = OF_KIND[payload["kind"]]
    finished = task.open(payload, str(model))
    loaded = task.renumbered(task.load(data, None), finished.classes)
    facts = task.judge(
        finished, loaded, where, lambda done, total: say(f"{done} of {total} images")
    )
    return {"model": str(model), "data": loaded.source, "words": task.words(facts), **facts}


def write_transferred_page(run: Path) -> Path:
    """Write ``report.html`` again.

    Args:
        run: Folder of a finished transfer.

    Returns:
        Where the page is.

    Raises:
        UserError: The checkpoint or the images of the run are gone.
    """
    document = read_table(run / "report.json")
    task, source = TRANSFERS[document["task"]], document["data"]["source"]
    path = run / task.stage.file
    finished = task.open(checkpoint.load(path), str(path))
    loaded = task.load(source, None)
    if loaded.fingerprint != document["data"]["fingerprint"]:
        raise UserError(
            f"{source}: must hold the images that the run was scored on, got others; restore them"
        )
    task.draw(run, document, finished, loaded, torch.device("cpu"))
    return run / "report.html"
