"""Where words for people go: the terminal, or stderr while stdout carries JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console


def console(to_stderr: bool = False) -> Console:
    """Return a console for people.

    Args:
        to_stderr: True while stdout is reserved for a JSON document.
    """
    return Console(stderr=to_stderr, highlight=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
