"""How long a step of DINO takes once its views are there: forward, backward, update, teacher."""

from __future__ import annotations

import torch
from loops import BATCH, GROUPS, METHOD, OPTIM
from pytest_benchmark.fixture import BenchmarkFixture

from edgessl.backbones import Backbone
from edgessl.methods.dino import Dino
from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.schedules import Clock


def test_step_of_mobilenetv2_dino(benchmark: BenchmarkFixture) -> None:
    generator = torch.Generator().manual_seed(0)
    views = [
        torch.randn(group.count, BATCH, 3, group.size_px, group.size_px, generator=generator)
        for group in GROUPS
    ]
    method = Dino(Backbone("mobilenetv2"), METHOD).to(memory_format=torch.channels_last).train()
    optimizer = build_optimizer(method, OPTIM)
    clock = Clock(10, 10, 10)

    def step() -> float:
        set_hyperparameters(optimizer, OPTIM, clock, BATCH)
        loss = method(views, None, clock).loss
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        method.after_step(clock)
        return loss.item()

    assert benchmark.pedantic(step, rounds=10, warmup_rounds=4) > 0.0
