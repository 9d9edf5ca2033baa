"""Reads what was measured before, or on another device."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from edgessl.bench.compare.judged import judged
from edgessl.bench.compare.names import with_names
from edgessl.bench.compare.shape import trouble_with_document, trouble_with_judgements
from edgessl.errors import UserError

_WANTED = "must be a file of `edgessl bench --json` or `run.py --bench --json`"
_KEPT = ("device", "models", "conditions", "comparisons", "protocol", "measured")


def read_document(path: Path) -> dict[str, Any]:
    """Read what ``edgessl bench --json`` or a bundle's ``run.py --bench --json`` wrote.

    Args:
        path: The file.

    Returns:
        The document, judged where a bundle's ``run.py`` left that to us, with names that tell its
        models apart.

    Raises:
        UserError: It is missing or something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = "none" if isinstance(error, FileNotFoundError) else f"'{error.strerror}'"
        raise UserError(f"{path}: {_WANTED}, found {reason}; check the path") from error
    except UnicodeDecodeError:
        _refuse(path, "no text")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        _refuse(path, "no JSON")
    if trouble := trouble_with_document(content):
        _refuse(path, trouble)
    document: dict[str, Any] = content
    try:
        _check_runs(document)
        document = judged(document)
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        _refuse(path, f"samples_ms that are no runs of milliseconds ({error})")
    if trouble := trouble_with_judgements(document):
        _refuse(path, trouble)
    return with_names(document)


def _check_runs(document: dict[str, Any]) -> None:
    """Refuse times that no run has: none takes no time, and none a week."""
    for entry in document["models"]:
        runs = [ms for launch in entry.get("samples_ms") or () for turn in launch for ms in turn]
        wrong = next((ms for ms in (entry["p50_ms"], *runs) if not 0 < ms < 1e9), None)
        if wrong is not None:
            raise ValueError(f"a run of {wrong:g} ms")


def _refuse(path: Path, found: str) -> NoReturn:
    raise UserError(f"{path}: {_WANTED}, got {found}; check the path")


def import_documents(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Read documents of ``edgessl bench --json`` or a bundle's ``run.py --bench --json``.

    Args:
        paths: The files.

    Returns:
        ``source``, and the ``device``, ``models``, ``conditions`` and ``comparisons`` of each; what
        the device imported itself is left behind.

    Raises:
        UserError: One is missing or something else.
    """
    documents = [(path, read_document(path)) for path in paths]
    return [
        {"source": str(path), **{key: document[key] for key in _KEPT if key in document}}
        for path, document in documents
    ]


def only_imported(paths: Sequence[Path]) -> dict[str, Any]:
    """Make a document of imported ones alone: the first, and the others beside it.

    Args:
        paths: At least one file. What the first was judged against, its ``baseline``, is left
            behind: it says nothing about today.

    Raises:
        UserError: One is missing or something else.
    """
    first = {key: part for key, part in read_document(paths[0]).items() if key != "baseline"}
    return {**first, "imported": import_documents(paths[1:])}
