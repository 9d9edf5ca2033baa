"""What a training step takes in each precision and memory format, measured."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Literal

import torch
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.recipe import Recipe
from edgessl.recipe.stages import pretrain_stages
from edgessl.train import Engine, Precision

MemoryFormat = Literal["channels_last", "contiguous"]
Choice = tuple[Precision, MemoryFormat]

FORMATS: dict[MemoryFormat, torch.memory_format] = {
    "channels_last": torch.channels_last,
    "contiguous": torch.contiguous_format,
}

_CPU_BATCH, _GPU_BATCH = 16, 128  # a few images would tell a GPU's launches, not its arithmetic
_WARMUPS, _ROUNDS = 2, 7
_LOOK_BATCH, _LOOKS = 2, 2  # before that, on a CPU, a look at a few images sorts out
_HOPELESS = 4.0  # what is so many times slower: bf16 on a CPU that only emulates it
_MOST_STEPS, _STEADY = 12, 0.8  # a GPU is warm when a step takes more than this of the one before
_BUDGET_S = 5.0  # a round is the last one after that time


def batch_on(device: torch.device) -> int:
    """Return how many images a measured step has."""
    return _CPU_BATCH if device.type == "cpu" else _GPU_BATCH


def trained_px(recipe: Recipe) -> int:
    """Return the size of global views that pretraining spends most of its pixels on."""
    stage = max(pretrain_stages(recipe), key=lambda stage: stage.epochs * stage.pixels)
    return stage.views[0].size_px


def times_of(recipe: Recipe, device: torch.device, candidates: list[Choice]) -> list[float]:
    """Time a forward and backward pass of the backbone, candidates in turn.

    Args:
        recipe: Says which backbone, and the side of its images.
        device: Where it trains.
        candidates: What to compute in.

    Returns:
        The best of each, in milliseconds for a step of ``batch_on(device)`` images.
    """
    size_px = trained_px(recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        table = recipe.backbone
        first = Backbone(table.name, table.pretrained_last_stage, size_px).train()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch_on(device), 3, size_px, size_px, generator=generator).to(device)
    steps: list[Callable[[Tensor], float]] = []
    for precision, layout in candidates:
        engine, backbone = Engine(device, FORMATS[layout], precision), copy.deepcopy(first)
        engine.place(backbone)
        steps.append(partial(_step_ms, engine, backbone))
    if device.type == "cpu":
        return _best_of_the_hopeful(steps, images)
    for step in steps:
        warm_up(partial(step, images))
    return [round(min(found), 2) for found in _rounds(steps, images)]


def warm_up(step: Callable[[], float]) -> None:
    """Take steps until they get no faster: a GPU's first ones load kernels and plan convolutions.

    Args:
        step: Takes one and returns its time.
    """
    before = step()
    for _ in range(_MOST_STEPS - 1):
        now = step()
        if now > _STEADY * before:
            return
        before = now


def _best_of_the_hopeful(steps: list[Callable[[Tensor], float]], images: Tensor) -> list[float]:
    """Look at a few images first; what is far behind there is not measured on many."""
    looks = [min(step(images[:_LOOK_BATCH]) for _ in range(_LOOKS)) for step in steps]
    hopeful = [step for step, look in zip(steps, looks, strict=True)
               if look <= _HOPELESS * min(looks)]  # fmt: skip
    found = dict(zip(hopeful, _rounds(hopeful, images), strict=True))
    scale = len(images) / _LOOK_BATCH
    return [
        round(min(found[step][min(_WARMUPS, len(found[step]) - 1) :]) if step in found
              else look * scale, 2)
        for step, look in zip(steps, looks, strict=True)
    ]  # fmt: skip


def _rounds(steps: list[Callable[[Tensor], float]], images: Tensor) -> list[list[float]]:
    """Take steps in turns, so that a busy moment falls on all; others' work only adds to them."""
    times: list[list[float]] = [[] for _ in steps]
    began = perf_counter()
    for _ in range(_WARMUPS + _ROUNDS):
        for step, found in zip(steps, times, strict=True):
            found.append(step(images))
        if perf_counter() - began > _BUDGET_S:
            break
    return times


def _step_ms(engine: Engine, backbone: Backbone, images: Tensor) -> float:
    """Time a forward and backward pass."""
    batch = images.contiguous(memory_format=engine.memory_format)
    began = perf_counter()
    with engine.autocast():
        loss = backbone(batch).float().square().mean()
    torch.autograd.backward(loss)
    if engine.device.type == "cuda":
        torch.cuda.synchronize()
    spent_ms = 1000.0 * (perf_counter() - began)
    backbone.zero_grad(set_to_none=True)
    return spent_ms
