"""The outcome of an export, in ``report.json`` beside the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgessl.files import atomic_path

NAME = "report.json"
KEY = "export"


def write_record(folder: Path, outcome: dict[str, Any]) -> None:
    """Put an outcome under ``export``; what a run wrote there stays.

    Args:
        folder: The output folder.
        outcome: Plain values; ``files`` is a list of dicts with a ``path``. Files of an earlier
            export that are still in the folder keep their entries.
    """
    path = folder / NAME
    report = _read(path)
    new = {entry["path"] for entry in outcome["files"]}
    old = report.get(KEY, {}).get("files", [])
    kept = [e for e in old if e["path"] not in new and (folder / e["path"]).is_file()]
    report[KEY] = {**outcome, "files": [*outcome["files"], *kept]}
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def _read(path: Path) -> dict[str, Any]:
    """Return what is there; a damaged file is written anew."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}
