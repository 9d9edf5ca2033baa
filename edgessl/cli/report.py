"""``edgessl report``: the page of a run, written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.screen import console


def report(
    run: Annotated[Path, typer.Argument(help="Run folder, such as runs/pets-mobilenetv2-dino.")],
) -> None:
    """Write report.html again from what lies in a run folder."""
    from edgessl.pipeline.dense.files import is_dense_run
    from edgessl.report import write_report

    if is_dense_run(run):
        from edgessl.pipeline.dense.page import write_dense_page  # imports torch

        path = write_dense_page(run)
    else:
        path = write_report(run)
    console().print(f"{path} ({path.stat().st_size / 1e3:.0f} kB)", markup=False)
