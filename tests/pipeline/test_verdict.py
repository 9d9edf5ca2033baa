"""The verdict claims no more than the intervals show."""

from __future__ import annotations

from typing import Any

import pytest

from edgessl.pipeline.finish import verdict


def _score(value: float, half: float = 2.0) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half, "n": 100}


def _report(ours: float, **rivals: float) -> dict[str, Any]:
    report: dict[str, Any] = {
        "data": {"classes": ["a", "b"]}, "scores": {"finetune_top1": _score(ours)},
    }
    for name, value in rivals.items():
        report[f"scores_{name}"] = {"finetune_top1": _score(value)}
    return report


@pytest.mark.parametrize(
    ("ours", "rival", "start"),
    [
        (70.0, 60.0, "Self-supervision pays here: "),
        (62.0, 60.0, "Self-supervision seems to help: "),
        (60.0, 60.0, "No difference is shown: "),
        (58.0, 60.0, "No difference is shown: "),
        (50.0, 60.0, "Self-supervision did not pay here: "),
    ],
)
def test_the_claim_follows_gain_and_intervals(ours: float, rival: float, start: str) -> None:
    text = verdict(_report(ours, random=rival))
    assert text.startswith(start)
    assert f"{ours:.1f} % [{ours - 2:.1f}, {ours + 2:.1f}] against {rival:.1f} %" in text
    assert f"({ours - rival:+.1f} points)" in text


@pytest.mark.parametrize(
    ("random", "longer", "rival"),
    [
        (50.0, 69.0, "a random start fine-tuned for the same total time"),
        (69.0, 50.0, "a random start with the same fine-tuning"),
    ],
)
def test_the_better_baseline_decides_and_is_named(
    random: float, longer: float, rival: str
) -> None:
    text = verdict(_report(70.0, random=random, longer=longer))
    assert f"for {rival} (+1.0 points)" in text


def test_without_a_baseline_nothing_is_claimed() -> None:
    text = verdict(_report(70.0))
    assert text == (
        "Fine-tuned top-1 is 70.0 % [68.0, 72.0]; no baseline was trained to compare it with."
    )


def test_without_labels_and_without_test_images_are_told_apart() -> None:
    assert "without labels there is nothing to score" in verdict({"data": {"classes": []}})
    assert "without test images" in verdict({"data": {"classes": ["a", "b"]}})
