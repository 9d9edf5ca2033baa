"""The row of an exported file: what it says of itself, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import Metadata
from edgessl.report.compare.row import BESIDE, FILE, Row, Tests, score_of
from edgessl.runs.main_score import AP50, MAP, MIOU, TOP1, WORDS

_SCORED = ("accuracy", "AP through the file", "mIoU through the file")
"""Gates of an export that score the file."""
_KEYS = {"map": WORDS[MAP], AP50: WORDS[AP50], MIOU: WORDS[MIOU], "top1": WORDS[TOP1]}
"""Of a score among a gate's numbers: what it is called."""
PROTOTYPES = "prototypes"
"""The head whose answers are not its checkpoint's."""


def row_of_file(
    path: Path, name: str, metadata: Metadata | None, cost: Mapping[str, Any], origin: Row | None
) -> Row:
    """Return the row of an exported file.

    Args:
        path: The file.
        name: What to call it.
        metadata: What it says of itself; None of a file of others.
        cost: ``params``, ``macs``, ``size_px`` and ``size_mb``.
        origin: The arm whose checkpoint it was exported from, where that is among the rows.
    """
    if metadata is not None and metadata.head == PROTOTYPES:
        origin = None  # its gate compares with vectors made of the checkpoint, not with the arm
    numbers: Mapping[str, Any] = {} if metadata is None else next(
        (gate["numbers"] for gate in metadata.gates if gate["name"] in _SCORED), {}
    )  # fmt: skip
    key = next((key for key in _KEYS if numbers.get(key)), "top1")
    score = score_of(numbers.get(key))
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
        beside={key: found for key in BESIDE if (found := score_of(numbers.get(key))) is not None},
        right=_right(numbers, origin),
        known={str(origin.file): difference} if origin is not None and difference else {},
        params=cost["params"], macs=cost["macs"], size_px=cost["size_px"], size_mb=cost["size_mb"],
        precision="fp32" if metadata is None else metadata.precision,
        recipe=str(provenance.get("recipe") or ""),
        metric=_KEYS[key],
        seed=provenance.get("seed") if isinstance(provenance.get("seed"), int) else None,
    )  # fmt: skip


def _right(numbers: Mapping[str, Any], origin: Row | None) -> NDArray[np.bool_] | None:
    """Return which test images a file gets right where it answers all of them as its checkpoint.

    What an export measures it on must be what the run was scored on: same number, same score.
    """
    before = score_of(numbers.get("checkpoint_top1"))
    if origin is None or before != origin.score or numbers.get("agreement_percent") != 100.0:
        return None
    return origin.right
