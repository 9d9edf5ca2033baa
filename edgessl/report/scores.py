"""Scores next to what they have to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgessl.report.confusion import read_matrix
from edgessl.runs.main_score import WORDS
from edgessl.runs.stages import scores_of

TITLES = {
    "finetune_top1": ("Fine-tuned", "top-1 of the classifier that is exported"),
    "finetune_map": ("Fine-tuned", "mAP of the classifier that is exported"),
    "linear_map": ("Linear probe", "mAP of a linear classifier a class, on frozen features"),
    "finetune_top5": ("Fine-tuned, top-5", "the class is among the classifier's five likeliest"),
    "finetune_balanced": ("Fine-tuned, balanced", "mean recall of the classes, each alike"),
    "linear_top1": ("Linear probe", "logistic regression on frozen features"),
    "supervised_top1": ("Own classifier", "top-1 of the classifier that pretraining trained"),
    "knn_top1": ("kNN", "nearest training images by features"),
}
_SOURCES = (
    ("run", "scores", "pretrained"),
    ("random", scores_of("random"), "random start"),
    ("longer", scores_of("longer"), "random start, equal total time"),
    ("init", scores_of("init"), "the weights directly"),
    ("init-longer", scores_of("init-longer"), "the weights directly, equal total time"),
)


_MAPS = ("finetune_map", "linear_map")
_ABOUT = ", about"


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One number on a score card.

    Attributes:
        kind: ``"run"``, or the baseline: ``"random"``, ``"longer"``, ``"init"``,
            ``"init-longer"``, ``"thumbnails"``, or ``"majority"``, whose interval is its value: a
            fact about these very images.
        label: What was scored, in words.
        value: Percent correct.
        low: Lower end of its 95 % interval, percent.
        high: Upper end, percent.
        n: Images scored.
    """

    kind: str
    label: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """One protocol: the run's score, then its baselines.

    Attributes:
        title: The protocol.
        explanation: What it measures, in a few words.
        lines: The run's score first, where it has one.
        remark: The comparison in a sentence; empty without a baseline.
    """

    title: str
    explanation: str
    lines: tuple[ScoreLine, ...]
    remark: str


def score_cards(report: Mapping[str, Any]) -> list[ScoreCard]:
    """Make a card for every protocol that has a score.

    Args:
        report: ``report.json``.
    """
    cards = []
    for key, (title, explanation) in TITLES.items():
        lines = [
            line
            for kind, table, label in _SOURCES
            if (line := _line(kind, label, (report.get(table) or {}).get(key)))
        ]
        if key == "knn_top1":
            raw = _line("thumbnails", "raw 16 x 16 pixels", report.get("thumbnail_knn_top1"))
            lines += [raw] if raw else []
        if lines and key in _MAPS:
            chance = _line("majority", f"a ranking by chance{_ABOUT}", report.get("chance_map"))
            lines += [chance] if chance else []
        if lines and (always := _majority(report.get("majority"), report, key)):
            lines.append(always)
        if lines:
            arms = (report.get("arms") or {}) if key in WORDS else {}
            cards.append(ScoreCard(title, explanation, tuple(lines), _remark(lines, arms)))
    return cards


def _line(kind: str, label: str, score: object) -> ScoreLine | None:
    if not isinstance(score, Mapping) or score.get("value") is None:
        return None
    value = float(score["value"])
    low, high = float(score.get("low", value)), float(score.get("high", value))
    return ScoreLine(kind, label, value, low, high, int(score.get("n", 0)))


def _majority(found: object, report: Mapping[str, Any], key: str) -> ScoreLine | None:
    """Return what one answer for all images scores by a measure; None where that says nothing."""
    if not isinstance(found, Mapping) or "class" not in found or key == "finetune_top5":
        return None
    if key == "finetune_balanced":
        classes = (report.get("data") or {}).get("classes") or ()
        matrix = read_matrix(report.get("confusion"), classes)
        if matrix is None:
            return None
        found = {**found, "value": 100 / int((matrix.sum(axis=1) > 0).sum())}
    return _line("majority", f"always answering '{found['class']}'", found)


def _remark(lines: list[ScoreLine], arms: Mapping[str, Any]) -> str:
    """Compare the run with the best of its baselines, paired where that is known."""
    if lines[0].kind != "run" or len(lines) < 2:
        return ""
    run, rival = lines[0], max(lines[1:], key=lambda line: line.value)
    difference = run.value - rival.value
    if abs(difference) < 0.05:
        return f"the same as {rival.label}"
    label = rival.label.removesuffix(_ABOUT)
    amount = f"{abs(difference):.1f} points {'above' if difference > 0 else 'below'} {label}"
    amount = f"about {amount}" if label != rival.label else amount
    if found := (arms.get(rival.kind) or {}).get("difference"):
        low, high = float(found.get("low", 0)), float(found.get("high", 0))
        unclear = "" if low > 0 or high < 0 else "; no clear difference"
        return f"{amount}, paired [{low:+.1f}, {high:+.1f}]{unclear}"
    apart = run.low > rival.high or rival.low > run.high
    return amount if apart else f"{amount}; the intervals overlap"
