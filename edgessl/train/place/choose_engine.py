"""Which precision and memory format a run computes in: measured once, then on record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import torch

from edgessl.data.cache import appearing, cache_part
from edgessl.device import describe_device
from edgessl.errors import UserError
from edgessl.json_file import is_amount, read_table
from edgessl.recipe import Recipe
from edgessl.reporter import Reporter
from edgessl.runs.folder import RunFolder
from edgessl.train import Engine, Precision
from edgessl.train.place.engine_times import (
    FORMATS,
    Choice,
    MemoryFormat,
    batch_on,
    times_of,
    trained_px,
)

FP32_BONUS = 1.15  # a lower precision must be this much faster to be worth its rounding
CHANNELS_LAST_BONUS = 1.1  # the usual winner, so that a busy moment does not choose

_COMPILERS = (os.environ.get("CXX") or "c++", "g++", "clang++")


def engine_of(
    recipe: Recipe, device: torch.device, *, compiled: bool, reporter: Reporter
) -> Engine:
    """Choose how a run computes: what the recipe says, else what is fastest here.

    Args:
        recipe: May fix precision and memory format.
        device: Where it trains.
        compiled: Whether backbones are compiled.
        reporter: Is told what was measured.

    Raises:
        UserError: There is nothing to compile with.
    """
    if compiled and device.type == "cpu" and not any(map(shutil.which, _COMPILERS)):
        raise UserError(
            "--compile: must have a C++ compiler on a CPU, found none of "
            f"{', '.join(_COMPILERS)}; install one or drop --compile"
        )
    precision, layout = recipe.engine.precision, recipe.engine.memory_format
    if precision is None or layout is None:
        candidates = [
            choice
            for choice in _candidates(device)
            if precision in (None, choice[0]) and layout in (None, choice[1])
        ]
        if len(candidates) > 1:
            candidates = [_fastest(recipe, device, candidates, reporter)]
        found_precision, found_layout = (
            candidates[0] if candidates else ("fp32", "channels_last")
        )
        precision, layout = precision or found_precision, layout or found_layout
    return Engine(device, FORMATS[layout], precision, compiled)


def _candidates(device: torch.device) -> list[Choice]:
    """List what is worth measuring; fp16 needs loss scaling, so only who asks for it gets it.

    A GPU builds its plans anew for each, which takes seconds: two of them tell.
    """
    if device.type == "cuda":
        return [("fp32", "contiguous"), ("bf16", "channels_last")]
    precisions: tuple[Precision, ...] = ("fp32",) if device.type == "mps" else ("fp32", "bf16")
    formats: tuple[MemoryFormat, ...] = ("channels_last", "contiguous")
    return list(product(precisions, formats))


def _fastest(
    recipe: Recipe, device: torch.device, candidates: list[Choice], reporter: Reporter
) -> Choice:
    size_px = trained_px(recipe)
    backbone = f"{recipe.backbone.name}, {recipe.backbone.pretrained_last_stage}"
    facts = describe_device(device.type)
    names = [" ".join(choice) for choice in candidates]
    batch = batch_on(device)
    key = " | ".join(
        [str(facts.get("gpu", facts["cpu"])), f"{torch.get_num_threads()} threads",
         f"torch {torch.__version__}", backbone, f"{size_px} px",
         *([] if device.type == "cpu" else [f"{batch} images"]), *names]
    )  # fmt: skip
    place = cache_part("engines.json")
    known = read_table(place)
    if not _are_times(known.get(key), names):
        known[key] = dict(zip(names, times_of(recipe, device, candidates), strict=True))
        with appearing(place) as temporary:
            temporary.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    times: dict[str, float] = known[key]
    best = best_choice({choice: times[" ".join(choice)] for choice in candidates})
    told = ", ".join(f"{name} {times[name]:.0f}" for name in names)
    reporter.say(
        f"Computing in {best[0]}, {best[1].replace('_', '-')}: the fastest for this network here "
        f"(ms a step of {batch} images, measured once: {told}). --set engine.precision=… or "
        "engine.memory_format=… overrides."
    )
    return best


def _are_times(found: object, names: Sequence[str]) -> bool:
    """Say whether a damaged cache still has what was measured."""
    return isinstance(found, dict) and all(is_amount(found.get(name)) for name in names)


def best_choice(times: Mapping[Choice, float]) -> Choice:
    """Return the fastest choice; fp32 and channels-last win unless others are clearly faster.

    Args:
        times: Milliseconds of each choice.
    """
    return min(times, key=lambda choice: _cost(choice, times[choice]))


def _cost(choice: Choice, milliseconds: float) -> float:
    bonus = FP32_BONUS if choice[0] == "fp32" else 1.0
    return milliseconds / (bonus * CHANNELS_LAST_BONUS if choice[1] == "channels_last" else bonus)


def engine_of_run(
    run: RunFolder, recipe: Recipe, device: torch.device, *, compiled: bool, reporter: Reporter
) -> Engine:
    """Return what a run computes with: as it was recorded, else what is fastest here.

    Args:
        run: May hold a run.
        recipe: May fix precision and memory format.
        device: Where it trains.
        compiled: Whether backbones are compiled.
        reporter: Is told what was measured, and what differs from before.
    """
    # On a GPU cuDNN may else sum in another order each time, and a resumed run would differ.
    torch.backends.cudnn.deterministic = True
    known = run.read().get("engine")
    if known is None or known["device"] != device.type:
        engine = engine_of(recipe, device, compiled=compiled, reporter=reporter)
    else:
        engine = Engine(device, FORMATS[known["memory_format"]], known["precision"], compiled)
    now = describe_engine(engine)
    changes = [f"{key} ({known[key]} before, {now[key]} now)" for key in now
               if known is not None and known[key] != now[key]]  # fmt: skip
    if changes:
        reporter.say(
            f"{run.path}: goes on with another {', '.join(changes)}: sums are rounded in another "
            "way, so the weights will not be those of an uninterrupted run to the last bit."
        )
    return engine


def describe_engine(engine: Engine) -> dict[str, Any]:
    """Return what decides how sums are rounded, as plain values for run.json."""
    names: dict[torch.memory_format, str] = {layout: name for name, layout in FORMATS.items()}
    return {
        "device": engine.device.type,
        "precision": engine.precision,
        "memory_format": names[engine.memory_format],
        "compiled": engine.compiled,
        "threads": torch.get_num_threads() if engine.device.type == "cpu" else 0,
    }
