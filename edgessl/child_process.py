"""Child processes: asked line by line in JSON, and ended well."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

_PATIENCE_S = 10.0


def ask(process: subprocess.Popen[str], request: Mapping[str, Any]) -> str:
    """Send a request to a process that answers each with a line, and return its answer.

    Args:
        process: With pipes to and from it.
        request: Plain values.

    Returns:
        A line of JSON; empty where it has died.
    """
    assert process.stdin is not None  # opened as pipes
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return process.stdout.readline()
    except BrokenPipeError:
        return ""


def end(process: subprocess.Popen[Any]) -> None:
    """End a process that ends by itself when its input does; kill it where it does not.

    Args:
        process: With pipes to and from it.
    """
    if process.stdin is not None:
        try:
            process.stdin.close()
        except BrokenPipeError:  # it has died already
            pass
    try:
        process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
