"""What a run computes with is chosen once, so that going on computes the same."""

from __future__ import annotations

from typing import Any

import torch

from edgessl.recipe import Recipe
from edgessl.runs.folder import RunFolder
from edgessl.train import Engine
from edgessl.train.place.choose_engine import FORMATS, engine_of
from edgessl.train.place.reporter import Reporter


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
