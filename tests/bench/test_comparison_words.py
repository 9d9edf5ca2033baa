"""What is said of two models is never more than was shown."""

from __future__ import annotations

from typing import Any

import pytest

from edgessl.bench.page.tables import comparison_in_words

SHOWN: dict[str, Any] = {
    "name": "b.onnx", "base": "a.onnx", "threads": 2, "batch": 1, "comparable": True,
    "ratio": 1.2344, "low": 1.1, "high": 1.35, "verdict": "slower",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "b.onnx takes 1.234 times as long as a.onnx, 95 % interval 1.100 to 1.350 "
             "(2 thread(s), batch 1): slower"),
        ({"low": None, "high": None},
         "b.onnx takes 1.23 times as long as a.onnx (2 thread(s), batch 1); "
         "too few launches to tell"),
        ({"comparable": False},
         "b.onnx and a.onnx (2 thread(s), batch 1): too noisy, do not compare"),
    ],
    ids=["an interval", "no interval", "noise"],
)  # fmt: skip
def test_the_sentence_follows_interval_and_noise(changes: dict[str, Any], sentence: str) -> None:
    assert comparison_in_words(SHOWN | changes) == sentence
