"""The rows of a finished run of a detector or a segmenter: ours and every start beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.report.compare.row import OURS, Row, Tests, score_of
from edgessl.report.folder import RunRecord
from edgessl.runs.main_score import WORDS, main_key
from edgessl.runs.stages import DENSE_STAGES, StageId, draws_file, scores_of


def is_dense(record: RunRecord) -> bool:
    """Tell whether a run trained a detector or a segmenter."""
    return record.report.get("task") in DENSE_STAGES


def rows_of_dense_run(record: RunRecord, name: str) -> list[Row]:
    """Return the trainings of a run, ours first.

    Args:
        record: A finished run.
        name: What to call it.
    """
    report = record.report
    own, others = DENSE_STAGES[report["task"]]
    arms = [(OURS, own, report.get("scores") or {})]
    arms += [(arm, stage, report.get(scores_of(arm)) or {}) for arm, stage in others.items()]
    return [
        _row(record, name, arm, stage, scores) for arm, stage, scores in arms
        if arm == OURS or scores
    ]  # fmt: skip


def _row(
    record: RunRecord, name: str, arm: str, stage: StageId, scores: Mapping[str, Any]
) -> Row:
    report = record.report
    data, model, recipe = (report.get(key) or {} for key in ("data", "model", "recipe"))
    key = main_key(scores)
    score, file = score_of(scores.get(key)), record.path / stage.file
    tests = None if score is None else Tests(
        Path(str(data.get("source") or record.path)).name, str(data.get("fingerprint")), score.n,
        tuple(data.get("classes") or ()),
    )  # fmt: skip
    seed = (record.run.get("provenance") or {}).get("seed")
    return Row(
        name=name if arm == OURS else f"{name} {arm}", source=record.path, arm=arm, file=file,
        tests=tests, score=score, params=model.get("params"), macs=model.get("macs"),
        size_px=model.get("input_px"),
        size_mb=file.stat().st_size / 1e6 if file.is_file() else None,
        recipe=str(recipe.get("name") or ""), seed=seed if isinstance(seed, int) else None,
        epochs=(recipe.get("train") or {}).get("epochs"),
        seconds=((report.get("throughput") or {}).get("seconds") or {}).get(stage.name),
        metric=WORDS[key], draws=_draws(record.path / draws_file(stage)),
    )  # fmt: skip


def _draws(path: Path) -> NDArray[np.float64] | None:
    """Read what the run kept; None where it is of an older edgessl, or damaged."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if isinstance(found, np.ndarray) and found.ndim == 1 else None
