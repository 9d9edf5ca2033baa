"""The shape of ``run.json``, as far as a run goes on from it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgessl.runs.stages import EVALUATE, FEATURES, REPORT, SEMI_CHOICE, START, VIEWS, evaluated

_LARGEST = 1e15  # no figure of a run comes near it
_Amount = Annotated[float, Field(ge=0, le=_LARGEST)]
_Percent = Annotated[float, Field(ge=0, le=100)]
_Count = Annotated[int, Field(ge=1, le=int(_LARGEST))]
_NO_TRAINING = (VIEWS, START, FEATURES, EVALUATE, REPORT)


class _Known(BaseModel):
    """A table that may hold more than is looked at."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Stage(_Known):
    """A stage in the recipe of a run; stages with lengths of their own have no epochs."""

    epochs: Annotated[int, Field(ge=0, le=int(_LARGEST))] | None = None


class _Recipe(_Known):
    pretrain: _Stage
    finetune: _Stage


class _Identity(_Known):
    recipe: _Recipe


class _Engine(_Known):
    device: str
    precision: Literal["fp32", "bf16", "fp16"]
    memory_format: Literal["channels_last", "contiguous"]


class _Trained(_Known):
    """How fast a stage was, with the shares of its time."""

    seconds: _Amount
    images_per_s: _Amount


class _Score(_Known):
    value: _Percent
    low: _Percent
    high: _Percent
    n: Annotated[int, Field(ge=0, le=int(_LARGEST))]


class _Closeness(_Known):
    near_copies: dict[str, Annotated[int, Field(ge=0, le=int(_LARGEST))]] = {}
    finetune_top1: dict[str, _Score] = {}


class _Scored(_Known):
    scores: dict[str, _Score] = {}
    scores_random: dict[str, _Score] = {}
    scores_init: dict[str, _Score] = {}
    thumbnail_knn_top1: _Score | None = None
    finetune_top1: _Score | None = None
    finetune_top5: _Score | None = None
    finetune_balanced: _Score | None = None
    right: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")] = ""
    closeness: _Closeness | None = None


class _SemiChoice(_Known):
    """What val said of images without label."""

    name: str
    kept: bool
    val_top1: _Percent
    labels_alone_top1: _Percent
    n: Annotated[int, Field(ge=0, le=int(_LARGEST))]
    labelled: Annotated[int, Field(ge=0, le=int(_LARGEST))]
    unlabelled: Annotated[int, Field(ge=0, le=int(_LARGEST))]


class RunTable(_Known):
    """``run.json``.

    Attributes:
        identity: What makes the run this one; empty before that is known.
        finished: What each finished stage left.
        engine: What it computes with.
        provenance: Where its networks come from.
        device: What it runs on.
        extended: How it was made longer.
        longer_epochs: Of the baseline that trains as long as everything else.
        minutes: Time that was given for it.
        init_changes: What the weights that it started from change in the recipe.
    """

    identity: dict[str, Any]
    finished: dict[str, dict[str, Any]]
    engine: _Engine | None = None
    provenance: dict[str, Any] = {}
    device: dict[str, Any] = {}
    extended: list[dict[str, Any]] = []
    longer_epochs: _Count | None = None
    minutes: float | None = None
    init_changes: list[str] = []


def trouble_with_run(document: object) -> str:
    """Say what of a document is not as edgessl writes ``run.json``; empty if nothing is.

    Args:
        document: As read from JSON.
    """
    try:
        table = RunTable.model_validate(document)
        if table.identity:
            _Identity.model_validate(table.identity)
        for name, facts in table.finished.items():
            if name == EVALUATE or name.startswith(evaluated("")):
                _Scored.model_validate(facts)
            elif name == SEMI_CHOICE:
                _SemiChoice.model_validate(facts)
            elif name not in _NO_TRAINING:
                _check_trained(facts)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        return f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}" if place else "no table"
    return ""


def _check_trained(facts: dict[str, Any]) -> None:
    _Trained.model_validate(facts)
    shares = {key: value for key, value in facts.items() if key.endswith("_share")}
    _Shares.model_validate({"shares": shares})


class _Shares(_Known):
    shares: dict[str, _Amount]
