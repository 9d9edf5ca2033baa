"""The row of an exported file: what it says of itself, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgessl.artifact import Metadata
from edgessl.report.compare.row import FILE, Row, Tests, score_of

_SCORED = "accuracy"  # the gate of an export that scores the file


def row_of_file(
    path: Path, name: str, metadata: Metadata | None, cost: Mapping[str, Any], origin: Path | None
) -> Row:
    """Return the row of an exported file.

    Args:
        path: The file.
        name: What to call it.
        metadata: What it says of itself; None of a file of others.
        cost: ``params``, ``macs``, ``size_px`` and ``size_mb``.
        origin: The checkpoint that it was exported from, where that is among what is compared.
    """
    numbers: Mapping[str, Any] = {} if metadata is None else next(
        (gate["numbers"] for gate in metadata.gates if gate["name"] == _SCORED), {}
    )  # fmt: skip
    score = score_of(numbers.get("top1"))
    provenance = {} if metadata is None else metadata.provenance
    difference = numbers.get("difference")
    return Row(
        name=name, source=path, arm=FILE, file=path,
        tests=None if metadata is None or score is None else Tests(
            Path(str(provenance.get("data") or path.name)).name,
            str(provenance.get("data_fingerprint") or path.absolute()),
            score.n, metadata.classes,
        ),
        score=score,
        known={str(origin): difference} if origin is not None and difference else {},
        params=cost["params"], macs=cost["macs"], size_px=cost["size_px"], size_mb=cost["size_mb"],
        precision="fp32" if metadata is None else metadata.precision,
        recipe=str(provenance.get("recipe") or ""),
        seed=provenance.get("seed") if isinstance(provenance.get("seed"), int) else None,
    )  # fmt: skip
