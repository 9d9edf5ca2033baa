"""The run folder: its lock, its finished stages, its alternating states and its log."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from edgessl import checkpoint
from edgessl.errors import UserError
from edgessl.files import atomic_path, remove_leftovers, temporary_name
from edgessl.json_file import parse_json
from edgessl.runs import snapshots, tested_on, trained_on
from edgessl.runs.main_score import answers_file
from edgessl.runs.run_table import trouble_with_run
from edgessl.runs.stages import DIVERGED, LAST_FILE, SUPERVISED_FILE, baseline_files, state_files

_SLOTS = ("a.pt", "b.pt")
_LOGS = ("log.jsonl", "timing.jsonl")
_FILES = ("recipe.toml", "run.json", *_LOGS, "pretrained.pt", SUPERVISED_FILE,
          "backbone.safetensors", "ckpt.pt", LAST_FILE, "report.json", "report.html", "views.npz",
          "quarantine.txt", trained_on.NAME, tested_on.NAME, *baseline_files(),
          *(answers_file(name) for name in ("ckpt.pt", *baseline_files())))  # fmt: skip
_STATE_FILES = (*_SLOTS, *state_files())

Say = Callable[[str], None]
Misfit = Callable[[dict[str, Any]], str]


class RunFolder:
    """What one run writes to disk, and reads back to go on.

    Args:
        path: The folder; made if it is not there.

    Raises:
        UserError: The folder cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            (path / "state").mkdir(parents=True, exist_ok=True)
            probe = temporary_name(path / "probe")
            probe.write_bytes(b"")
            probe.unlink()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UserError(
                f"{path}: must be a folder that can be written, got '{reason}'; "
                "choose another with --out"
            ) from error

    @classmethod
    def unmade(cls, path: Path) -> RunFolder:
        """Name a run folder without making it, for a plan that writes nothing."""
        folder = cls.__new__(cls)
        folder.path = path
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against a second process.

        Raises:
            UserError: Another process holds it.
        """
        try:
            held = FileLock(self.path / ".lock").acquire(timeout=0)
        except Timeout as error:
            raise UserError(
                f"{self.path}: must be used by one process at a time, another is running; "
                "wait for it or choose another folder with --out"
            ) from error
        with held:
            remove_leftovers(self.path, (*_FILES, "probe"))
            state = self.path / "state"
            # Its name for each stage of pretraining, of which there are as many as one likes.
            ends = {left.name[1:].split(".pt.")[0] + ".pt" for left in state.glob(".*-end.pt.*")}
            remove_leftovers(state, {*_STATE_FILES, *ends})
            kept = self.path / snapshots.FOLDER
            names = {left.name[1:].split(".pt.")[0] + ".pt" for left in kept.glob(".epoch-*.pt.*")}
            remove_leftovers(kept, names)
            yield

    def clear(self) -> None:
        """Remove everything that a run wrote, but nothing else."""
        # First of all: without it there is no run, and a new one forgets what is left of the work.
        (self.path / "run.json").unlink(missing_ok=True)
        for name in _FILES:
            (self.path / name).unlink(missing_ok=True)
        for path in (self.path / snapshots.FOLDER).glob(snapshots.PATTERN):
            path.unlink(missing_ok=True)
        self.forget_work()

    def drop_report(self) -> None:
        """Remove a report that no longer tells what the run is."""
        for name in ("report.json", "report.html"):
            (self.path / name).unlink(missing_ok=True)

    def forget_work(self) -> None:
        """Remove states and logs, which only the run that wrote them can use."""
        for name in _LOGS:
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / "state", ignore_errors=True)
        (self.path / "state").mkdir(exist_ok=True)

    # ---- run.json: what the run is, and which stages it has finished

    def read(self) -> dict[str, Any]:
        """Return run.json, or an empty dict for a new folder."""
        path = self.path / "run.json"
        if not path.is_file():
            return {}
        try:
            document = parse_json(path.read_text(encoding="utf-8"))
            found = trouble_with_run(document)
        except ValueError:
            document, found = None, "something else"
        if found or not isinstance(document, dict):
            raise UserError(
                f"{path}: must be the JSON that edgessl wrote, got {found}; "
                "start over with --fresh"
            )
        return document

    def write(self, document: Mapping[str, Any]) -> None:
        """Replace run.json."""
        self.write_json("run.json", document)

    def write_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a JSON file of the run, whole or not at all."""
        self.write_text(name, json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the run, whole or not at all."""
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file of the run, whole or not at all."""
        with atomic_path(self.path / name) as temporary:
            temporary.write_bytes(content)

    # ---- state/: two states that alternate, so that one is always whole

    def save_state(self, payload: dict[str, Any], *, over_newest: bool = False) -> None:
        """Write a resumable state over the older of the two.

        Args:
            payload: The state; its ``stage`` and ``step`` say what it is of.
            over_newest: Replace the newer one, because it turned out to be of no use.
        """
        self._flush_logs()  # a state promises that the log up to its step is there
        slots = sorted((self.path / "state" / name for name in _SLOTS), key=_modified)
        other, place = slots if over_newest else reversed(slots)
        checkpoint.save(place, payload)
        # Clocks are coarse, and may be set back: the order of the two must not depend on them.
        later = max(_modified(place), _modified(other) + 1)
        os.utime(place, ns=(later, later))

    def save_end(self, payload: dict[str, Any]) -> None:
        """Keep the state at the end of a stage, from which a longer one could go on."""
        self._flush_logs()
        checkpoint.save(self.path / "state" / f"{payload['stage']}-end.pt", payload)

    def load_end(self, stage: str) -> dict[str, Any]:
        """Return the state at the end of a stage.

        Args:
            stage: Its name.

        Raises:
            UserError: It is missing or damaged.
        """
        path = self.path / "state" / f"{stage}-end.pt"
        try:
            payload = checkpoint.load(path)
        except UserError as error:
            found = "a damaged file" if path.is_file() else "none"
            raise _no_end(path, stage, found) from error
        if not _has_place(payload) or payload["stage"] != stage:
            raise _no_end(path, stage, "something else")
        return payload

    def drop_end(self, stage: str) -> None:
        """Remove the state at the end of a stage, if it is there."""
        (self.path / "state" / f"{stage}-end.pt").unlink(missing_ok=True)

    @property
    def diverged(self) -> Path:
        """Where the weights before a step that ended the run are kept."""
        return self.path / "state" / DIVERGED

    def save_diverged(self, payload: dict[str, Any]) -> None:
        """Keep a stage that was given up for its loss."""
        checkpoint.save(self.diverged, payload)

    def load_diverged(self, stage: str) -> dict[str, Any] | None:
        """Return what is kept of a stage that was given up; None if it was not.

        Args:
            stage: Its name.
        """
        if not self.diverged.is_file():
            return None
        payload = checkpoint.load(self.diverged)
        return payload if payload.get("stage") == stage else None

    def load_states(
        self, stage: str, say: Say, misfit: Misfit = lambda _payload: ""
    ) -> list[dict[str, Any]]:
        """Return the usable states of a stage, the furthest first.

        Args:
            stage: Its name.
            say: Told of states that cannot be used.
            misfit: Says of a state what keeps the stage from going on from it.
        """
        found, damaged = [], []
        for path in self._state_paths(stage):
            try:
                payload = checkpoint.load(path)
            except UserError:
                damaged.append(f"{path.name} cannot be read (damaged)")
                continue
            if not _has_place(payload):
                damaged.append(f"{path.name} cannot be used (it names no stage and step)")
            elif payload["stage"] == stage:
                if trouble := misfit(payload):
                    damaged.append(f"{path.name} cannot be used ({trouble})")
                else:
                    found.append((payload["step"], _modified(path), path.name, payload))
        found.sort(key=lambda state: state[:3], reverse=True)
        if damaged:
            what = f"{self.path / 'state'}: {_together(damaged)}"
            way = f"going on from {found[0][2]}" if found else f"{stage} starts from its beginning"
            say(f"{what}; {way}.")
        return [state[3] for state in found]

    def has_states(self) -> bool:
        """Say whether a state of any stage is there, readable or not."""
        return any((self.path / "state").glob("*.pt"))

    def drop_states(self, *, but: str) -> None:
        """Remove the alternating states, except those of one stage.

        Args:
            but: That stage's name.
        """
        for name in _SLOTS:
            path = self.path / "state" / name
            try:
                keep = path.is_file() and checkpoint.load(path).get("stage") == but
            except UserError:
                keep = False
            if not keep:
                path.unlink(missing_ok=True)

    def _state_paths(self, stage: str) -> list[Path]:
        names = (*_SLOTS, f"{stage}-end.pt")
        return [path for name in names if (path := self.path / "state" / name).is_file()]

    # ---- log.jsonl and timing.jsonl

    def cut_logs(self, stage: str, step: int, finished: Collection[str]) -> None:
        """Drop the log lines that will be written again, and what a kill has cut short.

        Args:
            stage: The stage that goes on.
            step: Its lines after this step are dropped.
            finished: Stages that are not done again; lines of all others are dropped.
        """
        for name in _LOGS:
            path = self.path / name
            if not path.is_file():
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
            kept = "".join(
                line + "\n"
                for line in text.splitlines()
                if (place := _place(line))
                and (place[0] in finished or (place[0] == stage and place[1] <= step))
            )
            if kept != text:
                self.write_text(name, kept)

    def _flush_logs(self) -> None:
        for name in _LOGS:
            path = self.path / name
            if path.is_file():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())

    def log(self, entry: Mapping[str, Any], name: str = "log.jsonl") -> None:
        """Append a line."""
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _no_end(path: Path, stage: str, found: str) -> UserError:
    return UserError(
        f"{path}: must hold the weights that {stage} ended with, found {found}; "
        "start over with --fresh"
    )


def _has_place(payload: Mapping[str, Any]) -> bool:
    """Say whether a state says which stage and step it is of."""
    stage, step = payload.get("stage"), payload.get("step")
    return isinstance(stage, str) and type(step) is int and 0 <= step < 2**53


def _together(damaged: Sequence[str]) -> str:
    """Tell what is wrong with states, which is often the same with both."""
    names, reasons = zip(*(line.split(" ", 1) for line in damaged), strict=True)
    if len(set(reasons)) == 1:
        return f"{' and '.join(names)} {reasons[0]}"
    return "; ".join(damaged)


def _place(line: str) -> tuple[str, int] | None:
    """Return stage and step of a log line; None if it is none."""
    try:
        entry = parse_json(line)
        return str(entry["stage"]), int(entry["step"])
    except (ValueError, TypeError, KeyError, OverflowError):  # cut short
        return None


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0
