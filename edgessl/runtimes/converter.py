"""A converter as a process in its own environment: plain files in, plain files out."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgessl import catalog
from edgessl.errors import EdgesslError
from edgessl.runtimes.environment import python_for

FOLDER = "export/converters"
_TIMEOUT_S = 3600.0


class ConversionFailed(EdgesslError):
    """A converter refused a network, or gave up. The others of an export go on without it."""


def convert(
    environment: str, program: str, job: Mapping[str, Any], folder: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """Run a program of ``export/converters/``.

    Args:
        environment: A name in ``export/environments/``.
        program: Its file name.
        job: What it is asked for, as plain values; files by their names in the folder.
        folder: Where its files lie, and where it writes.
        say: Called with a sentence before something long begins.

    Returns:
        What it wrote to ``result.json``.

    Raises:
        UserError: Its environment cannot be made on this machine, or the network is forbidden.
        EdgesslError: Making its environment failed.
        ConversionFailed: It gave up; its last words, with the whole log beside.
    """
    python = python_for(environment, say)
    (folder / "job.json").write_text(json.dumps(dict(job)), encoding="utf-8")
    (folder / "result.json").unlink(missing_ok=True)
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [str(python), "-P", str(catalog.root() / FOLDER / program), "job.json"]
    try:
        done = subprocess.run(
            command, cwd=folder, env=kept, capture_output=True, text=True, timeout=_TIMEOUT_S,
            errors="replace", check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ConversionFailed(f"{program}: took over {_TIMEOUT_S / 60:.0f} minutes") from error
    if done.returncode:
        raise ConversionFailed(_last_words(done.stderr or done.stdout, done.returncode))
    result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result


def _last_words(text: str, code: int) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if "Error" in line or "error" in line), "")
    return (said or (lines[-1] if lines else f"it ended with code {code}"))[:300]
