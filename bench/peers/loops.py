"""edgessl's loop: what ``edgessl recipe`` runs, with a word after every step.

``train`` is the only place that knows how the package is called; the others go through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from our_recipe import DINO as METHOD
from our_recipe import GROUPS, OPTIM, recipe_of, view_groups
from torch import Tensor
from work import MEAN, STD, Work

from edgessl.api import run
from edgessl.data.store import ImageStore
from edgessl.methods.method import Method
from edgessl.recipe import to_toml
from edgessl.train import StepRecord, TrainingData, fit
from edgessl.train.stage import stage
from edgessl.views import ViewSampler

# Suites take the judged work from here too.
__all__ = [
    "GROUPS", "MEAN", "METHOD", "OPTIM", "STD", "Enough", "Listener", "recipe_of", "train",
    "view_groups",
]  # fmt: skip


class Enough(Exception):
    """Leaves a run that has been measured."""


class Listener:
    """A reporter that passes on the steps of pretraining, and keeps what it is told.

    Args:
        after_step: Called after every optimiser step.

    Attributes:
        sentences: What the run said.
        engine: What it computes in: ``precision``, ``memory_format``, ``compiled``.
    """

    def __init__(self, after_step: Callable[[], None]) -> None:
        self.sentences: list[str] = []
        self.engine: dict[str, Any] = {}
        self._after_step = after_step

    def say(self, sentence: str) -> None:
        """Keep a sentence."""
        self.sentences.append(sentence)

    def progress(self, activity: str, done: int, total: int, note: str = "") -> None:
        """Pass on a step."""
        if activity == "pretrain":
            self._after_step()


def train(
    data: Path | str,
    out: Path,
    work: Work,
    listener: Listener,
    *,
    device: str = "cpu",
    overrides: tuple[str, ...] = (),
    compiled: bool = False,
    one_batch: bool = False,
) -> None:
    """Run ``edgessl recipe`` until the listener raises.

    Args:
        data: ``--data``.
        out: Folder for the recipe and the run; a run that is there goes on.
        work: What to train.
        listener: Hears of every step.
        device: ``--device``.
        overrides: ``--set``.
        compiled: ``--compile``.
        one_batch: Make the views of one batch and train on them for ever: the limit that the
            loop's speed is compared with.
    """
    out.mkdir(parents=True, exist_ok=True)
    recipe = out / "work.toml"
    recipe.write_text(to_toml(recipe_of(work)), encoding="utf-8")
    stage.fit = _listened_to(listener, one_batch)
    try:
        run(
            str(recipe), data=data, out=out / "run", device=device, baselines=("none",),
            overrides=overrides, compiled=compiled, command="benchmark", reporter=listener,
        )  # fmt: skip
    finally:
        stage.fit = fit


def _listened_to(listener: Listener, one_batch: bool) -> Callable[..., Iterator[StepRecord]]:
    """Return the training loop, which now tells its engine, and may be fed with one batch."""

    def fit_here(
        method: Method, data: TrainingData, sampler: ViewSampler, *args: Any, **settings: Any
    ) -> Iterator[StepRecord]:
        engine = settings["engine"]
        listener.engine = {
            "precision": engine.precision,
            "memory_format": str(engine.memory_format).removeprefix("torch."),
            "compiled": engine.compiled,
        }
        if one_batch:
            data = replace(data, images=_OneBatch(data.images))
            sampler = _OneBatchOfViews(sampler)
        return fit(method, data, sampler, *args, **settings)

    return fit_here


class _OneBatch:
    """A store that reads its first batch and gives it again and again."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self.sizes = store.sizes

    def __len__(self) -> int:
        return len(self._store)

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        wanted = iter(ids)
        (images,) = self._store.batches([next(wanted)], device)
        yield images
        for _ in wanted:
            yield images


class _OneBatchOfViews(ViewSampler):
    """A sampler that makes the views of its first batch and gives them again and again."""

    def __init__(self, sampler: ViewSampler) -> None:
        super().__init__(sampler.groups, sampler.mean, sampler.std, sampler.memory_format)
        self._views: list[Tensor] | None = None

    def __call__(self, *args: Any, **settings: Any) -> list[Tensor]:
        if self._views is None:
            self._views = super().__call__(*args, **settings)
        return self._views
