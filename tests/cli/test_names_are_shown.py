"""Names and paths reach the screen as they are, whatever a terminal's markup makes of them."""

from __future__ import annotations

import ast
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import edgessl
from edgessl.cli import screen
from edgessl.reporter import Screen

NAMES = ("x[old]", "[/b]", "[red]a", "a\\[b", "[link=x]", "[#1]", ":smile:", "back\\", "[/]")
CLI = Path(edgessl.__file__).parent / "cli"


def terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, io.StringIO]:
    monkeypatch.setenv("TERM", "xterm")
    written = io.StringIO()
    console = screen.console()
    console.file = written
    monkeypatch.setattr(console, "_force_terminal", True)
    console.is_interactive = True
    return console, written


@pytest.mark.parametrize("name", NAMES)
def test_a_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    console, written = terminal(monkeypatch)
    console.print(f"report: {name}")
    assert f"report: {name}\n" in written.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_a_spinner_and_its_later_lines(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    console, written = terminal(monkeypatch)
    with console.status(f"reading {name}") as status:
        status.update(f"opening {name}")
        status.update(spinner="line")
        status._live.refresh()
    assert f"opening {name}" in written.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_and_a_title(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from rich.table import Table

    console, written = terminal(monkeypatch)
    table = Table(title=name)
    table.add_column(f"head {name}")
    table.add_row(f"cell {name}")
    console.print(table)
    assert f"head {name}" in written.getvalue()
    assert f"cell {name}" in written.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_a_reporter(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    console, written = terminal(monkeypatch)
    with Screen(console) as shown:
        shown.say(f"reading {name}")
        shown.progress("read", 1, 2, note=f"at {name}")
    assert f"reading {name}" in written.getvalue()
    assert f"at {name}" in written.getvalue()


def test_every_console_of_the_command_line_is_this_one() -> None:
    """None makes one of rich's own, or escapes, which would now show the escapes."""
    for file in sorted(CLI.glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        called = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & {"Console", "escape"}, file.name
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        assert not [t for t in texts if isinstance(t, str) and "[/]" in t], file.name


def test_intervals_keep_their_brackets(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    score = {"value": 71.2, "low": 70.1, "high": 72.3, "n": 100}
    report = {
        "scores": {"knn_top1": score}, "model": {"params": 1e6, "macs": 1e6},
        "throughput": {"seconds": {"pretrain": 1.0}, "bottleneck": "1 image/s"},
        "recipe": {"image": {"crop_px": 32}}, "verdict": "fine", "next": "edgessl export 'x[old]'",
    }  # fmt: skip
    screen.print_summary(report, tmp_path / "x[old]")
    shown = capsys.readouterr().out
    assert "71.2 [70.1, 72.3]" in shown
    assert f"report: {tmp_path}/x[old]/report.html" in shown
    assert "next:   edgessl export 'x[old]'" in shown


def test_json_is_json_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("ascii", "latin-1", "utf-8"):
        raw = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding))
        screen.print_json({"name": "Äpfel … \udcff"})
        sys.stdout.flush()
        assert json.loads(raw.getvalue().decode(encoding)) == {"name": "Äpfel … \udcff"}
