"""The run folder keeps one whole state whatever happens, and belongs to one process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgessl.errors import UserError
from edgessl.run import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A new run folder."""
    return RunFolder(tmp_path / "runs" / "one")


def _save(run: RunFolder, stage: str, step: int) -> Path:
    """Save a state, and give its file a time of its own."""
    before = {path: path.stat().st_mtime_ns for path in (run.path / "state").glob("?.pt")}
    run.save_state({"stage": stage, "step": step})
    (changed,) = [
        path for path in (run.path / "state").glob("?.pt")
        if before.get(path) != path.stat().st_mtime_ns
    ]
    newest = max(before.values(), default=0) + 10**9
    os.utime(changed, ns=(newest, newest))
    return changed


def test_states_alternate_so_that_the_older_one_is_replaced(run: RunFolder) -> None:
    files = [_save(run, "pretrain", step) for step in range(4)]
    assert files[0] == files[2] != files[1] == files[3]
    state = run.load_state("pretrain")
    assert state is not None
    assert state["step"] == 3


@pytest.mark.parametrize("damage", [b"", b"half"])
def test_a_half_written_state_falls_back_to_the_other_one(run: RunFolder, damage: bytes) -> None:
    _save(run, "pretrain", 1)
    _save(run, "pretrain", 2).write_bytes(damage)
    state = run.load_state("pretrain")
    assert state is not None
    assert state["step"] == 1


def test_a_stage_reads_its_own_states_only(run: RunFolder) -> None:
    _save(run, "pretrain", 7)
    assert run.load_state("finetune") is None
    assert run.load_state("pretrain") is not None


def test_the_log_of_a_stage_is_cut_after_a_step_and_loses_torn_lines(run: RunFolder) -> None:
    for stage, step in (("pretrain", 1), ("pretrain", 2), ("pretrain", 3), ("finetune", 9)):
        run.log({"stage": stage, "step": step})
    with (run.path / "log.jsonl").open("a") as log:
        log.write('{"stage": "pre')
    run.cut_log("pretrain", 2)
    assert (run.path / "log.jsonl").read_text().splitlines() == [
        '{"stage": "pretrain", "step": 1}',
        '{"stage": "pretrain", "step": 2}',
        '{"stage": "finetune", "step": 9}',
    ]


def test_a_second_process_is_refused_until_the_first_is_done(run: RunFolder) -> None:
    with run.locked():
        with pytest.raises(UserError, match="another is running; wait for it or choose"):
            RunFolder(run.path).locked().__enter__()
    with run.locked():
        pass


def test_clearing_removes_what_a_run_wrote_and_nothing_else(run: RunFolder) -> None:
    run.write({"identity": {}, "finished": {}})
    _save(run, "pretrain", 1)
    (run.path / "mine.txt").write_text("keep", encoding="utf-8")
    run.clear()
    assert run.read() == {}
    assert run.load_state("pretrain") is None
    assert (run.path / "mine.txt").is_file()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    for path in (tmp_path / "file", tmp_path / "file" / "run", tmp_path / "nul\0"):
        with pytest.raises(UserError, match="must be a folder that can be written"):
            RunFolder(path)
