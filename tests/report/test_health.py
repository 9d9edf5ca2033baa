"""The report sums up what the doctor wrote into the log."""

from __future__ import annotations

from typing import Any

from edgessl.report.health import health, in_words


def line(step: int, **more: Any) -> dict[str, Any]:
    return {"stage": "pretrain", "step": step, **more}


LOG = [
    line(10, loss=5.0, spread=0.1),
    line(60, health="healthy", spread=0.9),
    line(110, health="uniform", spread=0.3, advice="all equal. Try less"),
    line(160, health="uniform", spread=0.2),
    {"stage": "finetune", "step": 500, "loss": 1.0},
]


def test_the_last_word_counts_with_its_figures_and_the_advice_it_began_with() -> None:
    found = health(LOG)["health"]
    assert (found["word"], found["step"], found["spread"]) == ("uniform", 160, 0.2)
    assert found["advice"] == "all equal. Try less"


def test_changes_are_listed_once_each() -> None:
    found = health(LOG)["health"]
    assert [(one["step"], one["word"]) for one in found["changes"]] == [
        (60, "healthy"), (110, "uniform"),
    ]
    assert in_words(found) == [
        "From step 60: healthy.", "From step 110: uniform: all equal. Try less.",
    ]


def test_a_run_too_short_to_be_judged_says_so() -> None:
    found = health(LOG[:1])["health"]
    assert (found["word"], found["changes"]) == ("warming up", [])
    assert in_words(found) == [
        "Pretraining ended before 50 steps after its warm-up: too early to judge.",
    ]


def test_a_run_without_pretraining_has_no_health() -> None:
    assert health(LOG[-1:]) == {}
    assert in_words({}) == []
