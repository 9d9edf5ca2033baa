"""What a saved state says of itself, checked as recipes are, before anything is made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from edgessl.errors import UserError

_Count = Annotated[int, Field(ge=0, le=10**15)]
_Seconds = Annotated[float, Field(ge=0, le=1e15)]


class _Known(BaseModel):
    """A table of one kind, which may hold nothing else."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


class _Meter(_Known):
    seconds: _Seconds
    parts: dict[str, _Seconds]
    images: _Count
    monitor_seconds: _Seconds
    save_seconds: _Seconds


class _Guard(_Known):
    skipped: _Count
    rollbacks: Annotated[int, Field(ge=0, le=100)]


class _Doctor(_Known):
    word: str
    suspicious: bool
    steps: _Count
    targets: _Count
    names: list[str]
    sums: Tensor | None
    won: Tensor | None


class _Seen(_Known):
    epoch: _Count
    right: Tensor


class _Best(_Seen):
    weights: dict[str, Tensor]


class _Choice(_Known):
    epochs: _Count
    best: _Best | None
    last: _Seen | None
    since: _Count


class _Optimizer(_Known):
    state: dict[int, dict[str, Any]]
    param_groups: list[dict[str, Any]]


class _State(_Known):
    """A state, with whatever a stage that was given up adds to it."""

    model_config = ConfigDict(extra="allow")

    stage: str
    step: _Count
    module: dict[str, Tensor]
    optimizer: _Optimizer
    scaler: dict[str, Any]
    meter: _Meter
    guard: _Guard
    doctor: _Doctor | None
    choice: _Choice | None = None  # states of an older edgessl have none


class _GivenUp(_State):
    failed_step: int
    loss: str
    lr: float
    optim_key: str


def trouble_with_state(payload: object) -> str:
    """Say what of a state is not as a stage writes it; empty if nothing is.

    Args:
        payload: Content of ``state/a.pt`` and its neighbours.
    """
    return _trouble(payload, _State)


def refuse_damaged(payload: object, place: Path) -> None:
    """Refuse what is not as it is written of a stage that was given up.

    Args:
        payload: Content of ``state/diverged.pt``.
        place: The file.

    Raises:
        UserError: It is something else.
    """
    if trouble := _trouble(payload, _GivenUp):
        raise UserError(
            f"{place}: must hold the stage that was given up, got something else ({trouble}); "
            "start over with --fresh"
        )


def _trouble(payload: object, shape: type[_State]) -> str:
    try:
        shape.model_validate(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        return f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}" if place else "no table"
    return ""
