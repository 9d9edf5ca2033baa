"""The majority's share in a run's report: it stands beside every score, and in the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgessl.data.dataset import Dataset
from edgessl.metrics.interval import Score
from edgessl.metrics.majority import Majority, against_majority, majority_of

KEY = "majority"


def majority_facts(dataset: Dataset) -> dict[str, Any]:
    """Return the majority of ``test`` for ``report.json``; nothing where nothing is scored.

    Args:
        dataset: Of the run.
    """
    if not dataset.test.labels:
        return {}
    return {KEY: majority_of(dataset.test.labels, dataset.classes).to_dict()}


def no_better_than_majority(report: Mapping[str, Any]) -> str:
    """Say that a run's best network does not stand out from the majority's share.

    Args:
        report: ``report.json`` so far.

    Returns:
        The verdict on such a run; empty for any other.
    """
    scores, majority = report.get("scores", {}), report.get(KEY)
    what = "finetune_top1" if "finetune_top1" in scores else "knn_top1"
    if not majority or what not in scores:
        return ""
    score = Score(**scores[what])
    beside = against_majority(score, Majority.from_dict(majority))
    if not beside:
        return ""
    name = "Fine-tuned top-1" if what == "finetune_top1" else "kNN"
    return (
        f"Nothing useful is shown yet: {name} {score.value:.1f} % [{score.low:.1f}, "
        f"{score.high:.1f}] is {beside}. Train for longer or add images, of rare classes above all; "
        "the report has the score of each class."
    )
