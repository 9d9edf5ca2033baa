"""The page of a dense run, written again."""

from __future__ import annotations

from pathlib import Path

import torch

from edgessl import checkpoint
from edgessl.dense.answers import answers_of_finished
from edgessl.dense.report import write_page
from edgessl.dense.tasks import TASKS
from edgessl.errors import UserError
from edgessl.json_file import read_table
from edgessl.pipeline.dense.transferred import write_transferred_page
from edgessl.recipe.transfer_table import KIND as TRANSFER


def write_dense_page(run: Path) -> Path:
    """Write ``report.html`` again.

    Args:
        run: Folder of a finished run.

    Returns:
        Where the page is.

    Raises:
        UserError: The checkpoint or the images of the run are gone.
    """
    document = read_table(run / "report.json")
    if document.get("kind") == TRANSFER:
        return write_transferred_page(run)
    task = TASKS[document["task"]]
    path = run / task.stage.file
    finished = task.learning.open(checkpoint.load(path), str(path))
    images = task.data.load(document["data"]["source"], None)
    if images.fingerprint != document["data"]["fingerprint"]:
        raise UserError(
            f"{images.source}: must hold the images that the run was scored on, got others; "
            "restore them"
        )
    answers = answers_of_finished(task, finished, torch.device("cpu"))
    return write_page(task, run, document, images.test, finished.square, answers)
