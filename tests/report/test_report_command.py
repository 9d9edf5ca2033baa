"""``edgessl report RUN`` writes the page again and says where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from edgessl.cli.report import report
from edgessl.errors import UserError

app = typer.Typer()
app.command()(report)


def test_it_prints_the_path_of_the_page(make_run: Callable[..., Path]) -> None:
    folder = make_run()
    result = CliRunner().invoke(app, [str(folder)], catch_exceptions=False)
    assert result.exit_code == 0
    assert str(folder / "report.html") in result.stdout.replace("\n", "")
    assert (folder / "report.html").stat().st_size > 10_000


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="pass the folder that `edgessl recipe` wrote"):
        CliRunner().invoke(app, [str(tmp_path)], catch_exceptions=False)
