"""A run folder while one run works in it: locked, refused to any other run, and on record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from edgessl.data.dataset import Dataset
from edgessl.distributed import World
from edgessl.pipeline.asked import OfAnyRun
from edgessl.pipeline.claim import record, refuse_other, resume
from edgessl.pipeline.preflight import begin
from edgessl.recipe import Recipe
from edgessl.reporter import Reporter
from edgessl.runs.folder import RunFolder
from edgessl.train.place.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRun:
    """What a run is made of, before anything is written.

    Attributes:
        recipe: Resolved for the images and the device.
        dataset: The images, split.
        device: Where it trains.
        path: The run folder, which need not be there.
        baselines: What is trained for comparison.
    """

    recipe: Recipe
    dataset: Dataset
    device: torch.device
    path: Path
    baselines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How ``--minutes`` becomes epochs.

    Attributes:
        as_begun: Of a run that has begun: folder, recipe, dataset, minutes and reporter to the
            recipe with the epochs that it was begun with.
        fitted: Of a new one: run, minutes and baselines to the run with as many as fit.
    """

    as_begun: Callable[[RunFolder, Recipe, Dataset, float, Reporter], Recipe]
    fitted: Callable[[Context, float, tuple[str, ...]], Context]


def _nothing(_folder: RunFolder) -> None:
    """Refuse nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a folder is claimed for.

    Attributes:
        stage: The one that may be made longer: ``pretrain`` or ``finetune``.
        identity: The resolved recipe to what makes the run this run and no other.
        came_from: What every checkpoint says of where it comes from.
        facts: What else run.json says.
        refuse: Refuses a folder for other reasons than another identity; it may hold a run, or
            nothing. None of it is written to yet.
    """

    stage: str
    identity: Callable[[Recipe], dict[str, Any]]
    came_from: dict[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    refuse: Callable[[RunFolder], None] = _nothing


@contextmanager
def claimed(
    asked: OfAnyRun, ready: ReadyRun, lengths: Lengths, claim: Claim, world: World,
    reporter: Reporter,
) -> Iterator[Context]:  # fmt: skip
    """Hold a run folder for a run, which is new, gone on with, made longer, or started over.

    Args:
        asked: By the user.
        ready: What the run is made of.
        lengths: How its time becomes epochs.
        claim: What makes it this run.
        world: The processes; all of them know the run from here on.
        reporter: Is told what goes on.

    Yields:
        The run, on record.

    Raises:
        UserError: The folder has another run, or another process works in it.
    """
    folder = RunFolder(ready.path)
    with folder.locked():
        begun = not asked.fresh and bool(folder.read())
        recipe = ready.recipe
        if asked.minutes is not None and begun:
            recipe = lengths.as_begun(folder, recipe, ready.dataset, asked.minutes, reporter)
        identity = claim.identity(recipe)
        if begun:
            refuse_other(folder, recipe, identity, stage=claim.stage)
        claim.refuse(folder)
        context = _begin(folder, recipe, asked, ready, world, reporter)
        if asked.minutes is not None and not begun:
            context = lengths.fitted(context, asked.minutes, ready.baselines)
            identity = claim.identity(context.recipe)
        if asked.fresh:  # after the last refusal: until then nothing is lost
            folder.clear()
        resume(context, identity, stage=claim.stage)
        record(context, identity, claim.came_from, minutes=asked.minutes, facts=claim.facts)
        yield context


def looked_at(
    asked: OfAnyRun, ready: ReadyRun, lengths: Lengths, world: World, reporter: Reporter
) -> Context:
    """Put a run together as ``claimed`` does, and write nothing: for a plan.

    Args:
        asked: By the user.
        ready: What the run would be made of.
        lengths: How its time becomes epochs.
        world: The processes.
        reporter: Is told what goes on.
    """
    folder = RunFolder.unmade(ready.path)
    begun, recipe = bool(folder.read()), ready.recipe
    if asked.minutes is not None and begun:
        recipe = lengths.as_begun(folder, recipe, ready.dataset, asked.minutes, reporter)
    context = _begin(folder, recipe, asked, ready, world, reporter)
    if asked.minutes is not None and not begun:
        context = lengths.fitted(context, asked.minutes, ready.baselines)
    return context


def _begin(
    folder: RunFolder, recipe: Recipe, asked: OfAnyRun, ready: ReadyRun, world: World,
    reporter: Reporter,
) -> Context:  # fmt: skip
    return begin(
        folder, recipe, ready.dataset, ready.device, world, compiled=asked.compiled,
        seed=asked.seed, reporter=reporter, stop_on_collapse=asked.stop_on_collapse,
        fresh=asked.fresh,
    )  # fmt: skip
