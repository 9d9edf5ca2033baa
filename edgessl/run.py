"""The run folder: its lock, its finished stages, its alternating states and its log."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgessl import checkpoint
from edgessl.errors import UserError
from edgessl.files import atomic_path

_SLOTS = ("a.pt", "b.pt")


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
            probe = path / f".{os.getpid()}.probe"
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
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"{self.path}: must be used by one process at a time, another is running; "
                    "wait for it or choose another folder with --out"
                ) from error
            yield

    def clear(self) -> None:
        """Remove everything that a run wrote, but nothing else."""
        written = ("recipe.toml", "run.json", "log.jsonl", "timing.jsonl", "pretrained.pt",
                   "backbone.safetensors", "ckpt.pt", "report.json", "report.html", "views.npz",
                   "quarantine.txt")
        for name in written:
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / "state", ignore_errors=True)
        (self.path / "state").mkdir()

    # ---- run.json: what the run is, and which stages it has finished

    def read(self) -> dict[str, Any]:
        """Return run.json, or an empty dict for a new folder."""
        path = self.path / "run.json"
        if not path.is_file():
            return {}
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            document = None
        if not isinstance(document, dict) or not {"identity", "finished"} <= document.keys():
            raise UserError(
                f"{path}: must be the JSON that edgessl wrote, got something else; "
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

    def save_state(self, payload: dict[str, Any]) -> None:
        """Write a resumable state over the older of the two."""
        slots = [self.path / "state" / name for name in _SLOTS]
        checkpoint.save(min(slots, key=_modified), payload)

    def load_state(self, stage: str) -> dict[str, Any] | None:
        """Return the newest readable state of a stage, or None."""
        slots = [self.path / "state" / name for name in _SLOTS]
        for slot in sorted(slots, key=_modified, reverse=True):
            if not slot.is_file():
                continue
            try:
                payload = checkpoint.load(slot)
            except UserError:
                continue  # half-written by something other than us: the other one is older
            if payload["stage"] == stage:
                return payload
        return None

    # ---- log.jsonl and timing.jsonl

    def cut_log(self, stage: str, step: int) -> None:
        """Drop the log lines of a stage after a step, which will be written again."""
        path = self.path / "log.jsonl"
        if not path.is_file():
            return
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # a line cut short by a kill
            if entry["stage"] != stage or entry["step"] <= step:
                kept.append(line)
        self.write_text("log.jsonl", "".join(line + "\n" for line in kept))

    def log(self, entry: Mapping[str, Any], name: str = "log.jsonl") -> None:
        """Append a line."""
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _modified(path: Path) -> float:
    return path.stat().st_mtime_ns if path.is_file() else 0
