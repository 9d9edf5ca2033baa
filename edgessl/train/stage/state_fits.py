"""Whether a saved state is of the network and the optimiser that are to go on from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from edgessl.checkpoint import not_finite
from edgessl.train.health.told import Watcher
from edgessl.train.loop.stopwatch import PARTS
from edgessl.train.stage.best_epoch import BestEpoch
from edgessl.train.stage.state_table import trouble_with_state

_SCALARS = ("step",)  # of AdamW: how many it took
_SCALER = {
    "scale": float, "growth_factor": float, "backoff_factor": float, "growth_interval": int,
    "_growth_tracker": int,
}  # fmt: skip


def misfit(
    saved: Mapping[str, Any],
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    doctor: Watcher | None,
    choice: BestEpoch | None = None,
) -> str:
    """Say what of a state does not fit; empty if it fits. Nothing is changed.

    Args:
        saved: What a state file holds.
        module: What is trained.
        optimizer: Its optimiser.
        scaler: Its gradient scaler.
        doctor: Watches the stage, or None.
        choice: Keeps its best epoch, or None.
    """
    if trouble := trouble_with_state(saved):
        return trouble
    checks = (
        _tensors(saved["module"], module.state_dict(), "module"),
        _optimizer(saved["optimizer"], optimizer),
        _scaler(saved["scaler"]) if scaler.is_enabled() else (),
        _meter(saved["meter"]),
        () if doctor is None else _doctor(saved["doctor"], doctor.words),
        () if choice is None else _choice(saved.get("choice"), choice.network),
    )
    return next((trouble for check in checks for trouble in check), "")


def weights_misfit(found: object, module: nn.Module) -> str:
    """Say what of some weights does not fit a module; empty if they do.

    Args:
        found: Tensors by name, if it is right.
        module: What they are for.
    """
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        return "module: must be tensors by name"
    return next(_tensors(found, module.state_dict(), "module"), "")


def _tensors(
    found: Mapping[str, Tensor], own: Mapping[str, Tensor], where: str
) -> Iterator[str]:
    if key := next((key for key in (*own, *found) if key not in found or key not in own), ""):
        yield f"{where}.{key}: {'missing' if key not in found else 'not of this network'}"
        return
    for key, value in own.items():
        yield from _alike(found[key], value, f"{where}.{key}")
    if key := not_finite(found):
        yield f"{where}.{key}: must be finite"


def _alike(found: Tensor, own: Tensor, where: str) -> Iterator[str]:
    if found.layout != own.layout or found.dtype != own.dtype or found.shape != own.shape:
        ours, theirs = ((str(t.dtype), tuple(t.shape)) for t in (own, found))
        yield f"{where}: must be {ours[0]} {ours[1]}, got {theirs[0]} {theirs[1]}"


def _optimizer(found: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> Iterator[str]:
    own = optimizer.state_dict()["param_groups"]
    groups = found["param_groups"]
    if len(groups) != len(own):
        yield f"optimizer: must have {len(own)} groups, got {len(groups)}"
        return
    for number, (group, ours) in enumerate(zip(groups, own, strict=True)):
        where = f"optimizer.param_groups.{number}"
        if group.keys() != ours.keys():
            yield f"{where}: must have {', '.join(ours)}, got {', '.join(map(str, group))}"
            return
        for key, value in ours.items():
            if not _same_kind(group[key], value, moves=key in ("lr", "weight_decay")):
                yield f"{where}.{key}: must be as the recipe has it, got {str(group[key])[:40]!a}"
    params = [param for group in optimizer.param_groups for param in group["params"]]
    wanted = _wanted(optimizer)
    for index, values in found["state"].items():
        where = f"optimizer.state.{index}"
        if not 0 <= index < len(params):
            yield f"{where}: must be of one of {len(params)} tensors"
            return
        if values.keys() != wanted:
            names = ", ".join(map(str, values)) or "nothing"
            yield f"{where}: must have {', '.join(sorted(wanted))}, got {names}"
            return
        for key, value in values.items():
            yield from _moment(value, params[index], key, f"{where}.{key}")


def _wanted(optimizer: torch.optim.Optimizer) -> set[str]:
    if isinstance(optimizer, torch.optim.AdamW):
        return {"step", "exp_avg", "exp_avg_sq"}
    return {"momentum_buffer"}


def _moment(value: object, param: Tensor, key: str, where: str) -> Iterator[str]:
    if not isinstance(value, Tensor):
        yield f"{where}: must be a tensor, got {type(value).__name__}"
        return
    own = torch.zeros(()) if key in _SCALARS else param
    yield from _alike(value, own, where)
    if not_finite({key: value}):
        yield f"{where}: must be finite"


def _same_kind(found: object, own: object, *, moves: bool) -> bool:
    """Say whether a setting is as the recipe has it, or, where it moves, at least a number."""
    if moves:
        plain = isinstance(found, int | float) and not isinstance(found, bool)
        return plain and isfinite(found)  # type: ignore[arg-type]
    listed = (list, tuple)
    if isinstance(found, listed) and isinstance(own, listed):
        return list(found) == list(own)
    return type(found) is type(own) and found == own


def _scaler(found: Mapping[str, Any]) -> Iterator[str]:
    for key, kind in _SCALER.items():
        value = found.get(key)
        sound = isinstance(value, int if kind is int else (int, float))
        if not sound or isinstance(value, bool) or not isfinite(value) or value < 0:  # type: ignore[arg-type, operator]
            yield f"scaler.{key}: must be a number from 0"


def _meter(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["parts"].keys() >= set(PARTS):
        yield f"meter.parts: must be {', '.join(PARTS)}, got {', '.join(found['parts'])}"


def _choice(found: Mapping[str, Any] | None, network: nn.Module) -> Iterator[str]:
    seen = [] if found is None else [found[key] for key in ("best", "last") if found[key]]
    for one in seen:
        right = one["right"]
        if right.ndim != 1 or right.dtype != torch.bool or right.shape != seen[0]["right"].shape:
            yield "choice.right: must say of each image of val whether its answer is right"
        if "weights" in one:
            yield from _tensors(one["weights"], network.state_dict(), "choice.best.weights")


def _doctor(found: Mapping[str, Any] | None, words: Sequence[str]) -> Iterator[str]:
    if found is None:
        yield "doctor: missing"
        return
    if found["word"] not in words:
        yield f"doctor.word: must be one of {', '.join(words)}, got {found['word'][:40]!a}"
    sums, won = found["sums"], found["won"]
    if sums is not None and (
        sums.shape != (len(found["names"]),) or sums.dtype != torch.float32
        or not_finite({"sums": sums})
    ):
        yield "doctor.sums: must be a finite number for each of its names"
    if won is not None and (won.ndim != 1 or won.dtype != torch.bool):
        yield "doctor.won: must say of each prototype whether it won"
