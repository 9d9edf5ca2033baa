"""``edgessl compare``: one document on stdout, files on request, one message for bad input."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from report.comparisons import answers, write_run

from edgessl.cli import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Call]:
    """Runs ``edgessl compare`` in an empty folder; returns code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edgessl", "compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        shown = capsys.readouterr()
        return int(ending.value.code or 0), shown.out, shown.err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with the runs ``a`` and ``b``; the first is better."""
    write_run(tmp_path / "runs" / "a", answers(range(300)))
    write_run(tmp_path / "runs" / "b", answers(range(200)))
    return tmp_path / "runs"


def test_it_ends_with_the_answer_and_the_next_command(call: Call, runs: Path) -> None:
    code, out, _ = call("runs/a", "runs/b")
    lines = out.splitlines()
    assert code == 0
    assert lines[-2].startswith("Ship a: top-1 75.0 % [")
    assert lines[-1] == "next:   edgessl export runs/a/ckpt.pt --onnx"


def test_json_stands_alone_on_stdout(call: Call, runs: Path) -> None:
    _, out, err = call(runs, "--json")
    document = json.loads(out)
    assert [row["name"] for row in document["rows"]] == ["a", "b"]
    assert document["rows"][0]["ship"] is True
    assert document["rows"][1]["to_best"]["shown"] == "worse"
    assert document["rows"][1]["class_top1"] == {"cat": 100.0, "dog": 0.0}
    assert document["tests"][0]["hardest"]["wrong_in_all"] == 100
    assert "Ship a" in err


def test_the_page_and_the_table_are_files(call: Call, runs: Path) -> None:
    _, out, _ = call(runs, "--html", "c.html", "--csv", "c.csv")
    assert "written: c.html" in out
    assert "Ship a: " in Path("c.html").read_text(encoding="utf-8")
    assert Path("c.csv").read_text().count("\n") == 3


def test_every_mistake_is_told_at_once(call: Call, runs: Path) -> None:
    (runs / "b" / "report.json").unlink()
    Path("empty").mkdir()
    Path("notes.txt").write_text("x")
    code, _, err = call("nothing", "empty", "notes.txt", "runs/a/ckpt.pt")
    assert code == 2
    assert err.startswith("error: 4 mistakes\n  nothing: must be a run folder or an exported file")
    assert "empty: must be a run folder, or hold finished runs, found no run in it" in err
    assert "pass its run folder, runs/a, whose arms are all compared" in err


def test_an_unfinished_run_is_refused_by_name(call: Call, runs: Path) -> None:
    (runs / "b" / "report.json").unlink()
    code, _, err = call("runs/a", "runs/b")
    assert (code, err) == (2, (
        "error: runs/b: must be a run that has come to its end, got one with pretrain, evaluate "
        "done; give its command again, or leave it out\n"
    ))  # fmt: skip


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"scores": 3}', '{"model": {"macs": "x"}}'])
@pytest.mark.parametrize("name", ["report.json", "run.json"])
def test_damaged_json_is_one_message(call: Call, runs: Path, name: str, damaged: str) -> None:
    (runs / "b" / name).write_text(damaged)
    code, _, err = call(runs)
    assert code == 2
    assert err.startswith(f"error: {runs}/b/{name}: must be the JSON that edgessl wrote, got ")
    assert err.count("\n") == 1


def test_a_file_that_is_no_model_and_a_latency_that_is_none(call: Call, runs: Path) -> None:
    Path("model.onnx").write_bytes(b"no")
    code, _, err = call("model.onnx")
    assert (code, err.startswith("error: model.onnx: ")) == (2, True)
    code, _, err = call(runs, "--latency", "none.json")
    assert (code, err.startswith("error: none.json: must be a file of `edgessl bench")) == (2, True)
    assert call(runs, "--device", "cpu")[0] == 2
