"""The run folder keeps one whole state whatever happens, and belongs to one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgessl.errors import UserError
from edgessl.runs.folder import RunFolder


class Heard(list[str]):
    """Sentences that were said."""

    def __call__(self, sentence: str) -> None:
        """Remember one."""
        self.append(sentence)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A new run folder."""
    return RunFolder(tmp_path / "runs" / "one")


def _slots(run: RunFolder) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (run.path / "state").glob("?.pt")}


def _save(run: RunFolder, stage: str, step: int, *, over_newest: bool = False) -> Path:
    """Save a state, and return the file it went to."""
    before = _slots(run)
    run.save_state({"stage": stage, "step": step}, over_newest=over_newest)
    (changed,) = [path for path, time in _slots(run).items() if before.get(path) != time]
    return changed


def _steps(run: RunFolder, stage: str, heard: Heard | None = None) -> list[int]:
    say = Heard() if heard is None else heard
    return [int(state["step"]) for state in run.load_states(stage, say)]


def test_states_alternate_so_that_the_older_one_is_replaced(run: RunFolder) -> None:
    files = [_save(run, "pretrain", step) for step in range(4)]
    assert files[0] == files[2] != files[1] == files[3]
    assert _steps(run, "pretrain") == [3, 2]


def test_the_order_of_states_does_not_depend_on_the_clock(run: RunFolder) -> None:
    later = _save(run, "pretrain", 1)
    ahead = later.stat().st_mtime_ns + 10**12
    os.utime(later, ns=(ahead, ahead))  # the clock was set back after this
    assert _save(run, "pretrain", 2) != later
    assert _save(run, "pretrain", 3) == later


def test_a_state_of_no_use_is_replaced_itself(run: RunFolder) -> None:
    _save(run, "pretrain", 1)
    spoilt = _save(run, "pretrain", 2)
    assert _save(run, "pretrain", 1, over_newest=True) == spoilt
    assert _steps(run, "pretrain") == [1, 1]


@pytest.mark.parametrize("damage", ["empty", "half", "one bit"])
def test_a_damaged_state_falls_back_to_the_other_one_and_says_so(
    run: RunFolder, damage: str
) -> None:
    good = _save(run, "pretrain", 1)
    newest = _save(run, "pretrain", 2)
    _spoil(newest, damage)
    heard = Heard()
    assert _steps(run, "pretrain", heard) == [1]
    assert heard == [
        f"{run.path / 'state'}: {newest.name} cannot be read (damaged); going on from {good.name}."
    ]


def test_with_both_states_damaged_the_stage_starts_over_and_says_so(run: RunFolder) -> None:
    for step in (1, 2):
        _save(run, "pretrain", step)
    for path in _slots(run):
        _spoil(path, "half")
    heard = Heard()
    assert _steps(run, "pretrain", heard) == []
    assert heard == [
        f"{run.path / 'state'}: a.pt and b.pt cannot be read (damaged); "
        "pretrain starts from its beginning."
    ]


def _spoil(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    if damage == "one bit":
        content[content.index(b"step") + 4] ^= 1
    path.write_bytes({"empty": b"", "half": content[: len(content) // 2]}.get(damage, content))


def test_the_end_of_a_stage_is_kept_beside_the_two(run: RunFolder) -> None:
    _save(run, "pretrain", 1)
    run.save_end({"stage": "pretrain", "step": 9})
    assert _steps(run, "pretrain") == [9, 1]
    for step in (0, 1):
        _save(run, "finetune", step)
    assert _steps(run, "pretrain") == [9]


def test_a_stage_reads_its_own_states_only(run: RunFolder) -> None:
    _save(run, "pretrain", 7)
    assert _steps(run, "finetune") == []
    assert _steps(run, "pretrain") == [7]


def test_states_of_other_stages_can_be_dropped(run: RunFolder) -> None:
    _save(run, "pretrain", 7)
    _save(run, "finetune", 1)
    run.drop_states(but="pretrain")
    assert len(_slots(run)) == 1
    assert _steps(run, "pretrain") == [7]


def _log(run: RunFolder, *places: tuple[str, int]) -> None:
    for name in ("log.jsonl", "timing.jsonl"):
        for stage, step in places:
            run.log({"stage": stage, "step": step}, name)


def _places(run: RunFolder, name: str) -> list[tuple[str, int]]:
    lines = [json.loads(line) for line in (run.path / name).read_text().splitlines()]
    return [(line["stage"], line["step"]) for line in lines]


def test_logs_are_cut_after_a_step_and_lose_torn_lines(run: RunFolder) -> None:
    _log(run, ("views", 1), ("pretrain", 1), ("pretrain", 2), ("pretrain", 3), ("finetune", 9))
    for torn in ('{"stage": "pre', "\0\0\0\0", "[1]"):
        with (run.path / "log.jsonl").open("a") as log:
            log.write(torn)
        run.cut_logs("pretrain", 2, finished={"views"})
        for name in ("log.jsonl", "timing.jsonl"):
            assert _places(run, name) == [("views", 1), ("pretrain", 1), ("pretrain", 2)]


def test_a_second_process_is_refused_until_the_first_is_done(run: RunFolder) -> None:
    with run.locked():
        with pytest.raises(UserError, match="another is running; wait for it or choose"):
            RunFolder(run.path).locked().__enter__()
    with run.locked():
        pass


HOLD = """
import sys, time
from pathlib import Path
from edgessl.runs.folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_holds_nothing(run: RunFolder) -> None:
    command = [sys.executable, "-c", HOLD, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another is running"):
            run.locked().__enter__()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with run.locked():
            pass


WRITE = """
import sys, time
from pathlib import Path
from edgessl.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print(temporary.name, flush=True)
    time.sleep(600)
"""


def test_unfinished_writes_of_dead_processes_are_removed_and_others_are_not(
    run: RunFolder,
) -> None:
    gone = [run.path / f".ckpt.pt.{os.getpid()}.tmp", run.path / "state" / ".a.pt.1.tmp",
            run.path / ".ckpt.pt.0123456789abcdef.tmp"]  # fmt: skip
    kept = [run.path / ".model.onnx.1.tmp", run.path / ".ckpt.pt.tmp",
            run.path / ".ckpt.pt.mine.tmp"]  # fmt: skip
    for path in (*gone, *kept):
        path.write_bytes(b"half")
    with run.locked():
        assert not any(path.exists() for path in gone)
        assert all(path.exists() for path in kept)


def test_what_is_being_written_stays_until_its_writer_is_dead(run: RunFolder) -> None:
    """Whatever its process number: another container's may be the same, or gone here."""
    command = [sys.executable, "-c", WRITE, str(run.path / "ckpt.pt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        unfinished = run.path / writer.stdout.readline().strip()
        with run.locked():
            assert unfinished.exists()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    with run.locked():
        assert not unfinished.exists()


def test_clearing_removes_what_a_run_wrote_and_nothing_else(run: RunFolder) -> None:
    run.write({"identity": {}, "finished": {}})
    _save(run, "pretrain", 1)
    _log(run, ("pretrain", 1))
    (run.path / "mine.txt").write_text("keep", encoding="utf-8")
    run.clear()
    assert run.read() == {}
    assert _steps(run, "pretrain") == []
    assert not (run.path / "log.jsonl").exists()
    assert (run.path / "mine.txt").is_file()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    places: list[Any] = [tmp_path / "file", tmp_path / "file" / "run", tmp_path / "nul\0"]
    for path in places:
        with pytest.raises(UserError, match="must be a folder that can be written"):
            RunFolder(path)
