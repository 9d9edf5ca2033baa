"""The report says how much of the pseudo-labels counted, and what was found of them."""

from __future__ import annotations

from typing import Any

from edgessl.report.pseudo_labels import pseudo_labels, pseudo_labels_in_words


def line(step: int, confident: float) -> dict[str, Any]:
    return {"stage": "finetune", "step": step, "loss": 1.0, "confident_percent": confident}


LOG = [
    *(line(step, float(step)) for step in range(1, 51)),
    {"stage": "finetune", "step": 25, "health": "healthy"},
    {"stage": "finetune", "step": 50, "health": "few classes", "advice": "they are few. Try more"},
]


def test_the_end_counts_and_changes_are_listed() -> None:
    """The last tenth of 50 lines: 46 to 50."""
    found = pseudo_labels(LOG)["pseudo_labels"]
    assert found["confident_percent"] == 48.0
    assert found["word"] == "few classes"
    assert [change["word"] for change in found["changes"]] == ["healthy", "few classes"]
    assert pseudo_labels_in_words(found) == [
        "48 % of the pseudo-labels counted at the end.",
        "Pseudo-labels from step 50: few classes: they are few. Try more.",
    ]


def test_a_run_without_them_says_nothing() -> None:
    log = [{"stage": "finetune", "step": 1, "loss": 1.0},
           {"stage": "pretrain", "step": 50, "health": "healthy"}]  # fmt: skip
    assert pseudo_labels(log) == {}
    assert pseudo_labels_in_words({}) == []
