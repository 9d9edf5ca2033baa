"""A verdict praises no score that one answer for all images would reach too."""

from __future__ import annotations

from typing import Any

import pytest

from edgessl.metrics.interval import Score
from edgessl.pipeline.score.majority import beside_majority
from edgessl.pipeline.verdict import verdict


def _report(ours: int, rival: int, n: int, majority: float) -> dict[str, Any]:
    return {
        "data": {"classes": ["hat", "shirt"]},
        "scores": {"finetune_top1": Score.from_counts(ours, n).to_dict()},
        "scores_random": {"finetune_top1": Score.from_counts(rival, n).to_dict()},
        "majority": {"class": "shirt", "value": majority, "n": n},
    }


def _verdict(ours: int, rival: int, n: int, majority: float) -> str:
    report = _report(ours, rival, n, majority)
    return beside_majority(verdict(report), report)


@pytest.mark.parametrize(
    ("ours", "judged"), [(385, "Not shown to be better than"), (300, "Worse than")]
)
def test_a_gain_over_the_baseline_is_no_praise_below_the_majority(ours: int, judged: str) -> None:
    text = _verdict(ours, 200, 400, 95.2)
    assert text.startswith(
        f"{judged} always answering 'shirt', the most frequent class of test, which gives 95.2 %: "
        "fine-tuned top-1 "
    )
    assert "pays" not in text
    assert "points)" in text


def test_a_score_above_it_keeps_its_verdict() -> None:
    assert _verdict(380, 300, 400, 60.0).startswith("Self-supervision pays here: ")


def test_a_report_without_scores_keeps_its_verdict() -> None:
    report: dict[str, Any] = {"data": {"classes": []}}
    assert beside_majority(verdict(report), report) == verdict(report)
