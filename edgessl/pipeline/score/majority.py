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


def beside_majority(text: str, report: Mapping[str, Any]) -> str:
    """Put first that a run's best network does not stand out from the majority's share.

    Args:
        text: The verdict that looks at the baselines alone. It may call a gain over them a gain,
            which is none while one answer for all images does as well.
        report: ``report.json`` so far.

    Returns:
        The verdict as it is, for a run that stands out or has no scores.
    """
    scores, majority = report.get("scores", {}), report.get(KEY)
    score = scores.get("finetune_top1") or scores.get("knn_top1")
    if not majority or not score:
        return text
    one_answer = Majority.from_dict(majority)
    if not against_majority(Score(**score), one_answer):
        return text
    judged = "Worse than" if score["high"] < one_answer.value else "Not shown to be better than"
    for claim in _CLAIMS:
        text = text.partition(claim)[2] or text
    return (
        f"{judged} always answering '{one_answer.name}', the most frequent class of test, which "
        f"gives {one_answer.value:.1f} %: {text}"
    )


_CLAIMS = (" pays here: ", " seems to help: ", " did not pay here: ", "No difference is shown: ")
