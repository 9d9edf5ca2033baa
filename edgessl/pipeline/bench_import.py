"""What was measured on other devices, put beside what was measured here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgessl.bench.compare.document import read_document

_KEPT = ("device", "models", "conditions", "comparisons", "protocol", "measured")


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
