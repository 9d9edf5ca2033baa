"""Curves of a run: what the losses and the monitors did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log
from typing import Any

from edgessl.page.chart import LineChart, Reference, Series, line_chart
from edgessl.report.folder import RunRecord
from edgessl.report.shape import is_figure
from edgessl.runs.stages import (
    CONFIDENT,
    FINETUNE,
    INIT,
    INIT_LONGER,
    LONGER,
    OURS,
    PRETRAIN,
    RANDOM,
    SEMI,
    TRAIN_TOP1,
    is_pretraining,
    own_loss,
)

_KINDS = {
    FINETUNE.name: ("run", "pretrained"),
    RANDOM.name: ("random", "random"),
    LONGER.name: ("longer", "longer"),
    INIT.name: ("init", "init"),
    INIT_LONGER.name: ("init-longer", "init-longer"),
    SEMI.name: ("other", "with unlabelled"),
}


def curves(record: RunRecord) -> list[LineChart]:
    """Draw every curve that the log holds.

    Args:
        record: The run.
    """
    charts = (
        _pretrain_loss(record), _train_top1(record), _monitor(record), *_quality(record),
        *_signs(record), _finetune_loss(record), _confident(record),
        _val(record), _val_map(record),
    )  # fmt: skip
    return [chart for chart in charts if chart is not None]


def _pretrain_loss(record: RunRecord) -> LineChart | None:
    # The method's own term where it is logged apart: a regulariser would shift it against ln K.
    term = next((key for key in map(own_loss, record.log) if key != "loss"), "loss")
    series = series_of(record.log, PRETRAIN.name, term, "run", "loss", smooth=True)
    method = _recipe(record).get("method") or {}
    title = "Pretraining loss"
    title += f" ({method.get('name', term)})" if term != "loss" else ""
    chance = series_of(record.log, PRETRAIN.name, "chance_loss", "uniform", "chance")
    if chance.xs:  # where a method that learns nothing stays
        return line_chart(title, "epoch", [series, chance], digits=2)
    prototypes = method.get("prototypes")
    # Where a DINO that learns nothing stays: it finds all prototypes equally likely.
    uniform = [Reference("uniform", "uniform, ln K", log(prototypes))] if prototypes else []
    return line_chart(title, "epoch", [series], uniform, digits=2)


def _train_top1(record: RunRecord) -> LineChart | None:
    series = series_of(record.log, PRETRAIN.name, TRAIN_TOP1, "run", "train", smooth=True)
    return line_chart(
        "Labels found while pretraining, on training views, %", "epoch", [series], from_zero=True
    )


def _recipe(record: RunRecord) -> Mapping[str, Any]:
    """The recipe as run; until the run is finished, only run.json has it."""
    identity = record.run.get("identity") or {}
    return record.report.get("recipe") or identity.get("recipe") or {}


def _monitor(record: RunRecord) -> LineChart | None:
    report = record.report
    random = (report.get("scores_random") or {}).get("knn_top1")
    baselines = (
        ("random", "random start", random),
        ("init", "the weights", (report.get("scores_init") or {}).get("knn_top1")),
        ("thumbnails", "raw pixels", report.get("thumbnail_knn_top1")),
    )
    references = [
        Reference(kind, label, float(score["value"]))
        for kind, label, score in baselines
        if isinstance(score, Mapping) and score.get("value") is not None
    ]
    series = series_of(record.log, PRETRAIN.name, "knn_top1", "run", "kNN")
    return line_chart(
        "kNN while pretraining, on val, %", "epoch", [series], references, from_zero=True
    )


def _quality(record: RunRecord) -> Iterable[LineChart | None]:
    """Draw what the monitor measures without labels."""
    yield line_chart(
        "Alignment (0: views agree) and uniformity (-4: images apart)", "epoch",
        [series_of(record.log, PRETRAIN.name, "alignment", "run", "alignment"),
         series_of(record.log, PRETRAIN.name, "uniformity", "other", "uniformity")],
        digits=2,
    )  # fmt: skip
    for key, title in (("retrieval_top1", "Positive pairs found (a view finds the other), %"),
                       ("effective_rank", "Effective rank of features")):  # fmt: skip
        series = series_of(record.log, PRETRAIN.name, key, "run", "features")
        yield line_chart(title, "epoch", [series], from_zero=True)


def _signs(record: RunRecord) -> Iterable[LineChart | None]:
    """Draw what the doctor looks at."""
    yield line_chart(
        "Spread of projections (0: all the same)", "epoch",
        [series_of(record.log, PRETRAIN.name, "spread", "run", "spread", smooth=True)],
        from_zero=True, digits=2,
    )  # fmt: skip


def _finetune_loss(record: RunRecord) -> LineChart | None:
    return line_chart(
        "Fine-tuning loss", "epoch",
        [series_of(record.log, stage, "loss", *_style(stage), smooth=True)
         for stage in _finetunings(record.log)],
        digits=2,
    )  # fmt: skip


def _val(record: RunRecord) -> LineChart | None:
    return line_chart(
        "Top-1 while fine-tuning, on val, %", "epoch",
        [series_of(record.log, stage, "val_top1", *_style(stage))
         for stage in _finetunings(record.log)] + _kept(record),
        from_zero=True,
    )  # fmt: skip


def _val_map(record: RunRecord) -> LineChart | None:
    return line_chart(
        "mAP while fine-tuning, on val, %", "epoch",
        [series_of(record.log, stage, "val_map", *_style(stage))
         for stage in _finetunings(record.log)],
        from_zero=True,
    )  # fmt: skip


def _confident(record: RunRecord) -> LineChart | None:
    return line_chart(
        "Pseudo-labels that count, %", "epoch",
        [series_of(record.log, stage.name, CONFIDENT, *_style(stage.name), smooth=True)
         for stage in OURS],
        from_zero=True,
    )  # fmt: skip


def _kept(record: RunRecord) -> list[Series]:
    """Mark the epoch that is scored and exported, where it is not the last."""
    return [
        Series(_style(stage)[0], f"kept: epoch {one['epoch']},", [one["epoch"]], [one["val_top1"]])
        for stage, one in (record.report.get("kept") or {}).items()
        if one.get("val_top1") is not None and one["epoch"] < one["last"]
    ]


def _finetunings(log: Iterable[Mapping[str, Any]]) -> list[str]:
    names = dict.fromkeys(str(entry.get("stage", "")) for entry in log)
    return [name for name in names if name.startswith(FINETUNE.name)]


def _style(stage: str) -> tuple[str, str]:
    return _KINDS.get(stage, ("other", stage.removeprefix("finetune_")))


def series_of(
    log: Iterable[Mapping[str, Any]],
    stage: str,
    key: str,
    kind: str,
    label: str,
    smooth: bool = False,
) -> Series:
    """Return what one stage logged under one key.

    Args:
        log: Lines of ``log.jsonl``.
        stage: Its name; that of pretraining stands for all of its parts.
        key: What was logged.
        kind: Style class.
        label: Name of the curve.
        smooth: Whether to draw a moving average.
    """
    points = [
        (float(entry["epoch"]), float(entry[key]))
        for entry in log
        if _is_of(entry.get("stage"), stage) and is_figure(entry.get(key)) and "epoch" in entry
        and "health" not in entry  # the doctor repeats figures as means over its window
    ]
    points.sort(key=lambda point: point[0])
    return Series(kind, label, [x for x, _ in points], [y for _, y in points], smooth)


def _is_of(found: object, stage: str) -> bool:
    """Stages of pretraining are one curve: the log counts their epochs on."""
    return is_pretraining(found) if stage == PRETRAIN.name else found == stage

