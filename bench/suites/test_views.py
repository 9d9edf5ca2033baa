"""How long the views of a batch take, and each part of it: ``extra_info`` has the parts in ms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch
from loops import GROUPS, MEAN, STD
from pytest_benchmark.fixture import BenchmarkFixture

from edgessl.recipe.view_tables import ViewGroup
from edgessl.rng import DrawKey
from edgessl.views import ViewSampler, draw_params, sampler

SIZES = {
    "2x64+6x36": (32, 128, (64, 36)),
    "2x112+6x64": (32, 224, (112, 64)),
    "2x224+6x128": (16, 384, (224, 128)),
}
"""Batch, side of the packed images, sides of the global and local views."""

PARTS = {
    "params": "draw_params", "resample": "crop_and_resize", "jitter": "apply_jitter",
    "gray": "_gray", "blur": "_blur", "solarise": "_solarize", "normalise": "normalise",
}  # fmt: skip
ROUNDS = 10


def _groups(sides: tuple[int, int]) -> tuple[ViewGroup, ...]:
    return tuple(
        group.model_copy(update={"size_px": side})
        for group, side in zip(GROUPS, sides, strict=True)
    )


def _timed(step: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Return the median of each part's time in ms over some more steps."""
    spent: dict[str, list[float]] = defaultdict(list)

    def watch(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter()
            result = function(*args, **kwargs)
            spent[part][-1] += 1000.0 * (perf_counter() - began)
            return result

        return timed

    for part, name in PARTS.items():
        monkeypatch.setattr(sampler, name, watch(part, getattr(sampler, name)))
    for _ in range(ROUNDS):
        for part in PARTS:
            spent[part].append(0.0)
        step()
    return {part: round(median(times), 2) for part, times in spent.items()}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_views_of_a_batch(
    benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, size: str, threads: int
) -> None:
    batch, pack_px, sides = SIZES[size]
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    packed = torch.randint(
        256, (batch, 3, pack_px, pack_px), dtype=torch.uint8, generator=generator
    )
    sizes = np.full((batch, 2), 400, np.int32)
    ids = np.arange(batch)
    make = ViewSampler(_groups(sides), MEAN, STD, torch.channels_last)
    epochs = count()

    def step() -> list[torch.Tensor]:
        return make(packed, sizes, ids, DrawKey(0, 0, next(epochs)))

    views = benchmark.pedantic(step, rounds=ROUNDS, warmup_rounds=2)
    assert [tuple(group.shape) for group in views] == [
        (2, batch, 3, sides[0], sides[0]), (6, batch, 3, sides[1], sides[1]),
    ]  # fmt: skip
    benchmark.extra_info.update(_timed(step, monkeypatch))
    print(f"\n{size}, batch {batch}, {threads} thread(s), ms:", benchmark.extra_info)


@pytest.mark.parametrize("batch", [32, 512])
def test_parameters_of_a_batch(benchmark: BenchmarkFixture, batch: int) -> None:
    sizes, ids, epochs = np.full((batch, 2), 400, np.int32), np.arange(batch), count()

    def step() -> None:
        first_view, key = 0, DrawKey(0, 0, next(epochs))
        for group in GROUPS:
            draw_params(group, first_view, sizes, ids, key)
            first_view += group.count

    benchmark.pedantic(step, rounds=5 * ROUNDS, warmup_rounds=2)
