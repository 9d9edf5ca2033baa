"""The rows of a finished run: ours and every baseline that was fine-tuned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.interval import Score
from edgessl.report.compare.row import BESIDE, OURS, Row, Tests, score_of
from edgessl.report.compare.several import read_answers
from edgessl.report.confusion import read_matrix
from edgessl.report.folder import RunRecord
from edgessl.runs import tested_on
from edgessl.runs.main_score import MAP, WORDS, answers_file, main_key
from edgessl.runs.stages import (
    BASELINES,
    EVALUATE,
    FINETUNE,
    RANDOM,
    StageId,
    evaluated,
    scores_of,
)

Table = Mapping[str, Any]


def rows_of_run(record: RunRecord, name: str) -> list[Row]:
    """Return the arms of a run, ours first.

    Args:
        record: A finished run.
        name: What to call it.
    """
    report = record.report
    tests = _tests(record)
    arms = [(OURS, FINETUNE, report.get("scores") or {})]
    for baseline, stage in BASELINES.items():
        found = report.get(scores_of(baseline)) or {}
        if score_of(found.get(main_key(found))) is not None:
            arms.append((baseline, stage, found))
    return [_row(record, name, tests, *arm) for arm in arms]


def _row(
    record: RunRecord, row_name: str, tests: Tests | None, arm: str, stage: StageId, scores: Table
) -> Row:
    report, ours = record.report, arm == OURS
    recipe, model = report.get("recipe") or {}, report.get("model") or {}
    key = main_key(scores)
    score = score_of(scores.get(key))
    classes = () if tests is None else tests.classes
    file = record.path / stage.file
    # The frozen features of a longer arm are those of the shorter one, and stand there.
    features = {
        name: found for name in ("knn_top1", "linear_top1", "linear_map")
        if (found := score_of(scores.get(name))) is not None
    }  # fmt: skip
    return Row(
        name=row_name if ours else f"{row_name} {arm}", source=record.path, arm=arm, file=file,
        tests=tests if score is not None else None, score=score, features=features,
        beside={
            key: found for key in BESIDE
            if (found := score_of(scores.get(f"finetune_{key}"))) is not None
        },
        right=_right(record.run, arm, tests, score),
        confusion=read_matrix(report.get("confusion"), classes) if ours else None,
        known=_known(record, arm), params=model.get("params"), macs=model.get("macs"),
        size_px=(recipe.get("image") or {}).get("crop_px"),
        size_mb=file.stat().st_size / 1e6 if file.is_file() else None,
        recipe=str(recipe.get("name") or ""), seed=_whole(report.get("seed")),
        epochs=((report.get("arms") or {}).get(arm) or {}).get("epochs"),
        seconds=_seconds(report, stage), log=record.log, metric=WORDS[key],
        several=read_answers(record.path / answers_file(stage.file)) if key == MAP else None,
    )  # fmt: skip


def _tests(record: RunRecord) -> Tests | None:
    report = record.report
    data = report.get("data") or {}
    scores = report.get("scores") or {}
    score = score_of(scores.get(main_key(scores)))
    if score is None:
        return None
    fingerprint = str(data.get("fingerprint") or record.path.absolute())
    classes = tuple(data.get("classes") or ())
    images = tested_on.read(record.path)
    fits = images is not None and (images.fingerprint, len(images.labels)) == (fingerprint, score.n)
    if images is None or not fits or not all(0 <= one < len(classes) for one in images.labels):
        images = None
    name = str(data.get("name") or record.path.name)
    return Tests(name, fingerprint, score.n, classes, images)


def _right(
    run: Table, arm: str, tests: Tests | None, score: Score | None
) -> NDArray[np.bool_] | None:
    """Unpack ``right`` of run.json; None where it is of other images than the score."""
    if tests is None or score is None:
        return None
    stage = EVALUATE if arm == OURS else evaluated(arm)
    facts = (run.get("finished") or {}).get(stage) or {}
    try:
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(str(facts.get("right", ""))), np.uint8))
    except ValueError:
        return None
    right = bits[: score.n].astype(bool)
    same = len(bits) == 8 * -(-score.n // 8) and abs(100 * right.mean() - score.value) < 1e-6
    return right if same else None


def _known(record: RunRecord, arm: str) -> dict[str, Mapping[str, Any]]:
    """Return what the report says of ours against its baselines."""
    if arm != OURS:
        return {}
    return {
        str(record.path / stage.file): found
        for baseline, stage in BASELINES.items()
        if (found := _difference((record.report.get("arms") or {}).get(baseline)))
    }


def _difference(arm: object) -> Mapping[str, Any] | None:
    found = arm.get("difference") if isinstance(arm, Mapping) else None
    return found if found and all(found.get(key) is not None for key in ("value", "low", "high")) \
        else None


def _seconds(report: Table, stage: StageId) -> float | None:
    """Return how long it took to get this arm: ours needs every stage that no baseline is."""
    found = (report.get("throughput") or {}).get("seconds") or {}
    if stage != FINETUNE:
        return found.get(stage.name)
    baselines = {one.name for one in BASELINES.values()} | {RANDOM.name}
    own = [value for name, value in found.items() if name not in baselines]
    return sum(own) if own else None


def _whole(found: object) -> int | None:
    return found if isinstance(found, int) else None


def finished_or_not(path: Path, record: RunRecord) -> str:
    """Say what keeps a folder from being compared; empty if nothing does.

    Args:
        path: The folder.
        record: What lies in it.
    """
    if record.report.get("scores") or record.report.get("model"):
        return ""
    done = ", ".join((record.run.get("finished") or {}).keys()) or "nothing"
    return (
        f"{path}: must be a run that has come to its end, got one with {done} done; give its "
        "command again, or leave it out"
    )
