"""What every stage of a run shares, and how it remembers what is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from edgessl.data.dataset import Dataset
from edgessl.distributed import World
from edgessl.recipe import Recipe
from edgessl.reporter import Reporter
from edgessl.rng import DrawKey, step_seed
from edgessl.runs.folder import RunFolder
from edgessl.train import Engine
from edgessl.train.place.images import Images

_WEIGHTS_STEP = 0xFFFF
"""Weights are drawn as in a step that no stage has."""


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Where and with what a run works, whatever it trains.

    Attributes:
        run: Its folder.
        engine: What it runs on.
        seed: Decides everything random.
        reporter: Tells the user.
        stop_on_collapse: Whether collapsed outputs end the run.
    """

    run: RunFolder
    engine: Engine
    seed: int
    reporter: Reporter
    stop_on_collapse: bool = False

    @property
    def device(self) -> torch.device:
        """Where it trains."""
        return self.engine.device

    @property
    def world(self) -> World:
        """The processes that train it."""
        return self.engine.world

    def seed_weights(self, stage: int) -> None:
        """Seed torch, so that the weights a stage starts from depend on seed and stage alone."""
        torch.manual_seed(step_seed(DrawKey(self.seed, stage, 0), _WEIGHTS_STEP))


@dataclass(frozen=True, kw_only=True)
class Context(Workplace):
    """One run on images with a class each, or none.

    Attributes:
        recipe: Resolved, as run.
        dataset: What it trains on.
        images: Its images.
    """

    recipe: Recipe
    dataset: Dataset
    images: Images


def once(context: Workplace, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do a stage unless run.json says it is finished.

    Args:
        context: The run.
        name: The stage's name in run.json.
        work: Does it, and returns plain values to be recorded.

    Returns:
        What the stage recorded, now or in an earlier run of the same command.
    """
    document = context.run.read()
    if name not in document["finished"]:
        result = work()
        document = context.run.read()
        document["finished"][name] = result
        context.run.write(document)
    return dict(document["finished"][name])
