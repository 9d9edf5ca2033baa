"""The conductor's side of the turns: one contender in a process group of its own."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any


class ContenderFailed(Exception):
    """A contender ended or kept silent; its log says why."""


class Contender:
    """A training loop that runs when told to, and is stopped in between.

    Stopping the whole group keeps data-loader workers and waiting threads off the CPU during the
    turns of others. What they hold ready when they go on is used up in the warm-up steps.

    Args:
        name: For people.
        command: Program and arguments; it speaks ``turns.py``.
        environment: Changes to the environment; None removes a variable.
        log: File for what it prints.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str | None],
        log: Path,
    ) -> None:
        self.name, self._log, self._rest = name, log, b""
        merged = {**os.environ, **environment}
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={key: value for key, value in merged.items() if value is not None},
                start_new_session=True,
            )

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def wait_until_ready(self, timeout_s: float) -> dict[str, Any]:
        """Return what it says of itself after its first step; it is stopped from then on.

        Raises:
            ContenderFailed: It ended, or took longer.
        """
        facts: dict[str, Any] = self._receive(timeout_s)["ready"]
        self._signal(signal.SIGSTOP)
        return facts

    def take_turn(self, warmup: int, counted: int, timeout_s: float) -> dict[str, float]:
        """Let it run.

        Args:
            warmup: Steps that are not counted, at least 1.
            counted: Steps that are.
            timeout_s: When to give up.

        Returns:
            ``steps``, ``wall_s``, ``cpu_s``, ``others_share`` (of the machine, used by others
            meanwhile) and ``peak_mb``.

        Raises:
            ContenderFailed: It ended, or took longer.
        """
        self._signal(signal.SIGCONT)
        assert self._process.stdin is not None
        self._process.stdin.write(f"go {warmup} {counted}\n".encode())
        self._process.stdin.flush()
        turn: dict[str, float] = self._receive(timeout_s)
        self._signal(signal.SIGSTOP)
        return turn

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        deadline = monotonic() + timeout_s
        while b"\n" not in self._rest:
            left = max(0.0, deadline - monotonic())
            if not select.select([self._process.stdout], [], [], left)[0]:
                raise self._failure(f"said nothing for {timeout_s:.0f} s")
            chunk = os.read(self._process.stdout.fileno(), 65536)
            if not chunk:
                raise self._failure("ended")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        document: dict[str, Any] = json.loads(line)
        return document

    def _failure(self, what: str) -> ContenderFailed:
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
        return ContenderFailed(f"{self.name}: must answer, {what}; its last words:\n{tail}")

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            pass  # it has ended: the next answer says so
