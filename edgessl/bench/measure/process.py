"""Starts a worker process and talks to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import edgessl
from edgessl import child_process
from edgessl.bench.measure.opened import DEVICES, How
from edgessl.errors import EdgesslError, UserError
from edgessl.runtimes.process import command_of


class Worker:
    """A process with one open model. Use it as a context manager.

    Args:
        path: The model's file.
        how: On what to run it.

    Raises:
        UserError: The model cannot be opened or run like this.
        EdgesslError: The process died.
    """

    def __init__(self, path: Path, how: How) -> None:
        self._path = path
        package = str(Path(edgessl.__file__).resolve().parents[1])
        inherited = os.environ.get("PYTHONPATH")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([package, *([inherited] if inherited else [])]),
            "OMP_WAIT_POLICY": "PASSIVE",  # PyTorch's threads must not spin in another's turn
        }
        # -P: a numpy.py in the user's folder must not shadow the package.
        command = [sys.executable, "-P", "-m", "edgessl.bench.measure.worker"]
        own = path.suffix.lower() in DEVICES
        if own:
            command = command_of(path)
            del environment["PYTHONPATH"]  # it is another Python, with packages of its own
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
            stderr=subprocess.DEVNULL if own else None,  # they greet with lines of their own
            text=True, encoding="utf-8",
        )  # fmt: skip
        try:
            self._ask(do="open", path=str(path), **asdict(how))
        except BaseException:
            self.close()
            raise

    def run(self, times: int) -> list[float]:
        """Run the model and return the milliseconds of each run; one run before is not timed."""
        runs_ms: list[float] = self._ask(do="run", times=times)
        return runs_ms

    def sustain(self, seconds: float) -> list[float]:
        """Run the model without a pause and return the milliseconds of each run."""
        runs_ms: list[float] = self._ask(do="sustain", seconds=seconds)
        return runs_ms

    def end_to_end(self, images: Sequence[Path], times: int) -> dict[str, Any]:
        """Time every step from image files to answers; see ``end_to_end.time_steps``."""
        answer: dict[str, Any] = self._ask(
            do="end_to_end", images=[str(image) for image in images], times=times
        )
        return answer

    def profile(self, times: int) -> dict[str, Any]:
        """Run the model under onnxruntime's profiler; see ``operators.profile``."""
        answer: dict[str, Any] = self._ask(do="profile", times=times)
        return answer

    def report(self) -> dict[str, Any]:
        """Return load time, first run, memory, cores obtained, and the file's metadata."""
        report: dict[str, Any] = self._ask(do="report")
        return report

    def close(self) -> None:
        """End the process."""
        child_process.end(self._process)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, **request: Any) -> Any:
        line = child_process.ask(self._process, request)
        if not line:
            raise EdgesslError(
                f"{self._path}: the measuring process died (exit code {self._process.wait()}); "
                "the model may need more memory than there is"
            )
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            kind = UserError if answer["mistake"] else EdgesslError
            raise kind(answer["error"])
        return answer
