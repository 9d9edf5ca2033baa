"""What lies in a run folder, read without complaint about what does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edgessl.errors import UserError

_MARKS = ("report.json", "run.json")


@dataclass(frozen=True, slots=True)
class SavedViews:
    """Views of some images, as the network had to match them.

    Attributes:
        originals: ``(N, 3, S, S)`` uint8.
        groups: Global views ``(N, V, 3, H, W)``, then local ones; uint8.
    """

    originals: NDArray[np.uint8]
    groups: Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything a report is made from; empty where the run wrote nothing.

    Attributes:
        path: The run folder.
        report: ``report.json``: scores, data, throughput.
        run: ``run.json``: what the run is.
        log: Lines of ``log.jsonl``, in order.
        recipe: Text of ``recipe.toml``.
        views: ``views.npz``; None if there is none, or it cannot be read.
    """

    path: Path
    report: dict[str, Any]
    run: dict[str, Any]
    log: tuple[dict[str, Any], ...]
    recipe: str
    views: SavedViews | None


def read_run(path: Path) -> RunRecord:
    """Read a run folder, finished or not.

    Args:
        path: The folder that ``edgessl recipe`` wrote.

    Raises:
        UserError: It is no run folder, or its JSON is damaged.
    """
    if not any((path / name).is_file() for name in _MARKS):
        found = "a folder without them" if path.is_dir() else "no such folder"
        raise UserError(
            f"{path}: must be a run folder with {' or '.join(_MARKS)}, got {found}; "
            "pass the folder that `edgessl recipe` wrote"
        )
    return RunRecord(
        path=path,
        report=_read_json(path / "report.json"),
        run=_read_json(path / "run.json"),
        log=read_log(path),
        recipe=_read_text(path / "recipe.toml"),
        views=_read_views(path / "views.npz"),
    )


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(_read_text(path) or "{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UserError(
            f"{path}: must be the JSON that edgessl wrote, got something else; run the recipe again"
        )
    return document


def read_log(path: Path) -> tuple[dict[str, Any], ...]:
    """Read the lines of ``log.jsonl``.

    Args:
        path: The run folder.
    """
    entries = []
    for line in _read_text(path / "log.jsonl").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # a line cut short by a kill
        if isinstance(entry, dict):
            entries.append(entry)
    return tuple(entries)


def _read_views(path: Path) -> SavedViews | None:
    """A damaged picture is no reason to withhold the numbers."""
    try:
        # Opened here, because np.load leaves the file open where it is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            groups = {name: arrays[name] for name in ("global", "local") if name in arrays}
            originals = arrays["originals"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    shown = [array for array in groups.values() if array.ndim == 5 and array.size]
    if originals.ndim != 4 or not originals.size or not shown:
        return None
    return SavedViews(originals, {name: array for name, array in groups.items() if array.size})
