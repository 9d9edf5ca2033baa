"""How long a step of DINO takes once its views are there, whole and in parts."""

from __future__ import annotations

import pytest
import torch
from loops import METHOD, OPTIM, view_groups
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from work import WORKS

from edgessl.backbones import Backbone
from edgessl.methods.dino import Dino
from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.schedules import Clock

CLOCK = Clock(10, 10, 10)


class Steps:
    """A method, its optimiser, and the views of one batch.

    Args:
        name: A key of ``WORKS``.
    """

    def __init__(self, name: str) -> None:
        work = WORKS[name]
        generator = torch.Generator().manual_seed(0)
        self.batch = work.batch
        self.views = [
            torch.randn(group.count * work.batch, 3, group.size_px, group.size_px,
                        generator=generator)
            .contiguous(memory_format=torch.channels_last)
            .view(group.count, work.batch, 3, group.size_px, group.size_px)
            for group in view_groups(work)
        ]  # fmt: skip
        self.method = Dino(Backbone(work.backbone), METHOD)
        self.method.to(memory_format=torch.channels_last).train()
        self.optimizer = build_optimizer(self.method, OPTIM)
        self.update()  # so that gradients and momentum exist

    def forward_backward(self) -> Tensor:
        """Fill the gradients."""
        self.optimizer.zero_grad(set_to_none=True)
        loss: Tensor = self.method(self.views, None, CLOCK).loss
        torch.autograd.backward(loss)
        return loss

    def optimise(self) -> None:
        """Update the weights."""
        set_hyperparameters(self.optimizer, OPTIM, CLOCK, self.batch)
        self.optimizer.step()

    def teach(self) -> None:
        """Move the teacher."""
        self.method.after_step(CLOCK)

    def update(self) -> float:
        """Do a whole step."""
        loss = self.forward_backward()
        self.optimise()
        self.teach()
        return loss.item()


@pytest.fixture(scope="module", params=["mobilenetv2-64", "resnet18-64"])
def steps(request: pytest.FixtureRequest) -> Steps:
    """Batch 32, 2x64 + 6x36, channels-last, fp32."""
    return Steps(request.param)


def test_step(benchmark: BenchmarkFixture, steps: Steps) -> None:
    """A whole step on ready views: 2x64 + 6x36, batch 32, fp32, channels-last, two threads."""
    assert benchmark.pedantic(steps.update, rounds=10, warmup_rounds=4) > 0.0
    benchmark.extra_info["images_per_s"] = round(steps.batch / benchmark.stats["median"], 1)


def test_forward_and_backward(benchmark: BenchmarkFixture, steps: Steps) -> None:
    """Student and teacher forward, loss, student backward."""
    assert benchmark.pedantic(steps.forward_backward, rounds=6, warmup_rounds=2).item() > 0.0


def test_optimiser(benchmark: BenchmarkFixture, steps: Steps) -> None:
    """SGD with momentum over backbone and head (hidden 2048, bottleneck 256, 4096 prototypes)."""
    benchmark.pedantic(steps.optimise, rounds=30, warmup_rounds=3)


def test_teacher(benchmark: BenchmarkFixture, steps: Steps) -> None:
    """The teacher's weights move towards the student's (EMA)."""
    benchmark.pedantic(steps.teach, rounds=30, warmup_rounds=3)
