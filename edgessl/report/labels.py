"""Each class where images may have several: how it is ranked, and decided at its threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One class, ready to be shown; what is not known is a dash.

    Attributes:
        name: Of the class.
        precision_curve: Average precision in percent, as text.
        width: The same as a number, for a bar.
        threshold: As text.
        precision: In percent, as text.
        recall: In percent, as text.
        f1: In percent, as text.
        shown: Test images that show it, of how many that count.
    """

    name: str
    precision_curve: str
    width: float
    threshold: str
    precision: str
    recall: str
    f1: str
    shown: str


def label_rows(found: object) -> list[LabelRow]:
    """Lay out ``labels`` of ``report.json``, the hardest class first.

    Args:
        found: What the report has; none where images have one label each.
    """
    if not isinstance(found, list):
        return []
    rows = [one for one in found if isinstance(one, Mapping)]
    rows.sort(key=lambda one: (_ranked(one), str(one.get("name"))))
    return [
        LabelRow(
            str(one.get("name")), _percent(one.get("average_precision")),
            one.get("average_precision") or 0.0, f"{float(one.get('threshold') or 0.0):.3f}",
            _percent(one.get("precision")), _percent(one.get("recall")), _percent(one.get("f1")),
            f"{one.get('shown')} of {one.get('n')}",
        )
        for one in rows
    ]  # fmt: skip


def eleven_points(report: Mapping[str, Any]) -> str:
    """Return VOC2007's own mean in words; empty where it is not known.

    Args:
        report: ``report.json``.
    """
    score = report.get("finetune_map_11_points") or {}
    if score.get("value") is None:
        return ""
    return f"{score['value']:.1f} % [{score.get('low', 0):.1f}, {score.get('high', 0):.1f}]"


def _ranked(one: Mapping[str, Any]) -> float:
    value = one.get("average_precision")
    return 101.0 if value is None else float(value)


def _percent(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, int | float) else "-"
