"""Curves of several rows on one axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgessl.page.chart import LineChart, Series, line_chart
from edgessl.report.compare.row import OURS, Row
from edgessl.report.curves import series_of
from edgessl.runs.stages import BASELINES, FINETUNE, PRETRAIN, own_loss

MOST = 12  # lines of a chart, whose names fit beside it
_LONGEST = 13

Numbered = Sequence[tuple[int, str, Row]]
"""Number, style class and row."""


def curves(rows: Numbered) -> list[LineChart]:
    """Draw what the logs of runs hold.

    Args:
        rows: Of the table, in its order; files have no curves.
    """
    charts = (
        *_pretraining_losses(rows),
        _chart(rows, "kNN while pretraining, on val, %", pretrains=True, key="knn_top1"),
        _chart(rows, "Fine-tuning loss", pretrains=False, key="loss", smooth=True),
        _chart(rows, "Top-1 while fine-tuning, on val, %", pretrains=False, key="val_top1"),
        _chart(rows, "mAP while fine-tuning, on val, %", pretrains=False, key="val_map"),
    )
    return [chart for chart in charts if chart is not None]


def _pretraining_losses(rows: Numbered) -> Iterator[LineChart | None]:
    """Draw one chart for each loss: those of different methods have different scales."""
    by_loss: dict[str, list[tuple[int, str, Row]]] = {}
    for one in rows:
        if one[2].arm == OURS and one[2].log:
            term = next((key for key in map(own_loss, one[2].log) if key != "loss"), "loss")
            by_loss.setdefault(term, []).append(one)
    for term, found in by_loss.items():
        title = "Pretraining loss" if term == "loss" else f"Pretraining loss ({term})"
        yield _chart(found, title, pretrains=True, key=term, smooth=True)


def _chart(
    rows: Numbered, title: str, *, pretrains: bool, key: str, smooth: bool = False
) -> LineChart | None:
    drawn: list[Series] = []
    for number, kind, row in rows:
        if row.arm != OURS and (pretrains or row.arm not in BASELINES):
            continue
        stage = PRETRAIN if pretrains else FINETUNE if row.arm == OURS else BASELINES[row.arm]
        series = series_of(row.log, stage.name, key, kind, f"{number} {_short(row.name)}", smooth)
        if series.xs:
            drawn.append(series)
    percent = title.endswith("%")
    return line_chart(title, "epoch", drawn[:MOST], from_zero=percent, digits=1 if percent else 2)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
