"""The shape of ``report.json`` and ``run.json``, as far as a page is made from them."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LARGEST = 1e15
"""No figure of a run comes near it; beyond it, axes and sums lose their meaning."""

_Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
_Amount = Annotated[float, Field(ge=0, le=LARGEST)]
_Count = Annotated[int, Field(ge=0, le=int(LARGEST))]


class _Known(BaseModel):
    """A table that may hold more than is looked at, and may lack anything."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Score(_Known):
    value: _Number | None = None
    low: _Number = 0.0
    high: _Number = 0.0
    n: _Count = 0


_Scores = dict[str, _Score | None]


class _Arm(_Known):
    epochs: _Count | None = None
    checkpoint: str | None = None
    difference: _Score | None = None
    command: str | None = None


class _Label(_Known):
    name: str
    average_precision: _Number | None = None
    threshold: _Number
    precision: _Number | None = None
    recall: _Number | None = None
    f1: _Number | None = None
    shown: _Count
    n: _Count


class _Kept(_Known):
    epoch: _Count
    last: _Count
    epochs: _Count
    why: str
    val_top1: _Number | None = None


class _StartShare(_Known):
    share: float
    why: str


class _Adjusted(_Known):
    tau: _Number
    why: str


class _Data(_Known):
    classes: list[str] | None = None
    counts: dict[str, _Count] | None = None
    class_counts: dict[str, list[_Count]] | None = None
    fingerprint: str | None = None
    notes: list[str] | None = None
    quarantined: _Count | None = None


class _Named(_Known):
    name: str | None = None
    prototypes: Annotated[int, Field(ge=1, le=int(LARGEST))] | None = None


class _Image(_Known):
    crop_px: _Count | None = None


class _Recipe(_Known):
    backbone: _Named | None = None
    method: _Named | None = None
    image: _Image | None = None


class _Throughput(_Known):
    images_per_s: _Amount | None = None
    data_share: _Number | None = None
    seconds: dict[str, _Amount] | None = None
    bottleneck: str | None = None


class _Model(_Known):
    params: _Amount | None = None
    macs: _Amount | None = None


class _Stage(_Known):
    name: str
    views_px: list[int]
    epochs: _Number
    images_per_s: _Amount
    seconds: _Amount


class _Identity(_Known):
    recipe: _Recipe | None = None


class ReportShape(_Known):
    """``report.json``."""

    data: _Data | None = None
    recipe: _Recipe | None = None
    scores: _Scores | None = None
    scores_random: _Scores | None = None
    scores_longer: _Scores | None = None
    scores_init: _Scores | None = None
    scores_init_longer: _Scores | None = None
    arms: dict[str, _Arm] | None = None
    kept: dict[str, _Kept] | None = None
    of_start: dict[str, _StartShare] | None = None
    adjusted: dict[str, _Adjusted] | None = None
    init: str | None = None
    thumbnail_knn_top1: _Score | None = None
    finetune_map_11_points: _Score | None = None
    chance_map: _Score | None = None
    labels: list[_Label] | None = None
    majority: _Score | None = None
    throughput: _Throughput | None = None
    model: _Model | None = None
    device: dict[str, Any] | None = None
    stages: list[_Stage] | None = None
    name: str | None = None
    verdict: str | None = None
    command: str | None = None
    next: str | None = None


class RunShape(_Known):
    """``run.json``."""

    identity: _Identity | None = None


def trouble_with(document: object, shape: type[BaseModel]) -> str:
    """Say what of a document is not as edgessl writes it; empty if nothing is.

    Args:
        document: As read from JSON.
        shape: ``ReportShape`` or ``RunShape``.
    """
    try:
        shape.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        return f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}" if place else "no table"
    return ""


def is_log_line(entry: object) -> bool:
    """Tell whether a line of ``log.jsonl`` is one that edgessl wrote.

    Args:
        entry: As read from JSON.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("stage", ""), str):
        return False
    if not all(is_figure(entry[key]) for key in ("step", "epoch") if key in entry):
        return False
    judged = "health" not in entry or ("stage" in entry and "step" in entry)
    return judged and all(
        isinstance(entry[key], str) for key in ("health", "advice") if key in entry
    )


def is_figure(value: object) -> bool:
    """Tell a number that can be drawn from anything else.

    Args:
        value: As read from JSON.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= LARGEST and isfinite(value)
