"""What lies in a run folder, read without complaint about what does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from edgessl.errors import UserError
from edgessl.report.shape import ReportShape, RunShape, is_log_line, trouble_with

_MOST_PX = 4096  # of a view; what is larger was not written by edgessl
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
        report=_read_json(path / "report.json", ReportShape),
        run=_read_json(path / "run.json", RunShape),
        log=read_log(path),
        recipe=_read_text(path / "recipe.toml"),
        views=_read_views(path / "views.npz"),
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    except OSError as error:
        raise UserError(
            f"{path}: must be readable, got '{error.strerror}'; check the run folder"
        ) from error


def _read_json(path: Path, shape: type[BaseModel]) -> dict[str, Any]:
    try:
        document = json.loads(_read_text(path) or "{}")
        found = trouble_with(document, shape)
    except (ValueError, RecursionError):
        document, found = None, "something else"
    if found or not isinstance(document, dict):
        raise UserError(
            f"{path}: must be the JSON that edgessl wrote, got {found}; run the recipe again"
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
        except (ValueError, RecursionError):
            continue  # a line cut short by a kill
        if is_log_line(entry):
            entries.append(entry)
    return tuple(entries)


def _read_views(path: Path) -> SavedViews | None:
    """A damaged picture is no reason to withhold the numbers."""
    try:
        # Opened here, because np.load leaves the file open where it is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            groups = {name: arrays[name] for name in ("global", "local") if name in arrays}
            originals = arrays["originals"]
    except Exception:  # zlib, zip and numpy have their own ways to say that it is damaged
        return None
    found = (originals, *groups.values())
    if not groups or not all(isinstance(array, np.ndarray) for array in found):
        return None  # numpy gives the bytes of a member that is no array
    filled = [group for group in groups.values() if group.size]
    if not _are_pictures(originals, 4) or not all(_are_pictures(group, 5) for group in filled):
        return None
    shown = {name: group for name, group in groups.items() if group.size}
    count = min(map(len, (originals, *shown.values())))
    return SavedViews(originals[:count], shown) if shown else None


def _are_pictures(array: NDArray[Any], dimensions: int) -> bool:
    """Tell whether an array holds RGB pixels in its last three dimensions."""
    pixels = array.dtype == np.uint8 and array.ndim == dimensions and array.shape[-3] == 3
    return bool(pixels and array.size and max(array.shape[-2:]) <= _MOST_PX)
