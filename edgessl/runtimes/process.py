"""A process that runs one model in the runtime of its format, with the bundle's own program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl import catalog, child_process
from edgessl.cores import usable_cores
from edgessl.errors import EdgesslError, UserError
from edgessl.runtimes.environment import python_for
from edgessl.runtimes.formats import DEVICE_FORMATS

PROGRAM = "export/runners/python/runtimes.py"
"""The same program goes into every bundle: what is proven with it is what runs on a device."""


def tell(sentence: str) -> None:
    """Say something that must not be overlooked.

    Args:
        sentence: What is going on.
    """
    print(sentence, file=sys.stderr, flush=True)


def command_of(path: Path) -> list[str]:
    """Return the command that serves a model; the environment for it is made if need be.

    Args:
        path: A model whose suffix is one of ``DEVICE_FORMATS``.

    Raises:
        UserError: Its runtime cannot be had on this machine.
        EdgesslError: Making its environment failed.
    """
    python = python_for(DEVICE_FORMATS[path.suffix.lower()].environment, tell)
    return [str(python), "-P", str(catalog.root() / PROGRAM), "--serve"]


class RuntimeProcess:
    """A model, open in a process of its own until this object is gone.

    Args:
        path: The model.
        threads: Threads of the runtime; None for every core this process may use.

    Raises:
        UserError: The model cannot be opened.
        EdgesslError: The process died.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._path = path
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self._process = subprocess.Popen(
            command_of(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=environment, text=True, encoding="utf-8",
        )  # fmt: skip
        self._folder = tempfile.TemporaryDirectory(prefix="edgessl-")
        self._closing = weakref.finalize(self, _close, self._process, self._folder)
        try:
            self._ask(do="open", path=str(path.absolute()), threads=threads or usable_cores())
        except BaseException:
            self.close()
            raise

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Run images ``(B, 3, S, S)``; the output ``(B, K)``."""
        source, target = (Path(self._folder.name) / name for name in ("in.npy", "out.npy"))
        np.save(source, images)
        self._ask(do="answer", images=str(source), answers=str(target))
        output: NDArray[np.float32] = np.load(target)
        return output

    def report(self) -> dict[str, Any]:
        """Return runtime, version, what it computes in, memory and times."""
        found: dict[str, Any] = self._ask(do="report")
        return found

    def close(self) -> None:
        """End the process."""
        self._closing()

    def _ask(self, **request: Any) -> Any:
        line = child_process.ask(self._process, request)
        if not line:
            raise EdgesslError(
                f"{self._path}: the process that runs it died (exit code {self._process.wait()}); "
                "its runtime may not fit this machine, or need more memory than there is"
            )
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise UserError(answer["error"])
        return answer


def _close(process: subprocess.Popen[str], folder: tempfile.TemporaryDirectory[str]) -> None:
    child_process.end(process)
    folder.cleanup()
