"""The training loop: every epoch sees every image, and any step can be gone on from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.data.store import MemoryStore
from edgessl.methods.method import Step
from edgessl.optim import build_optimizer
from edgessl.recipe.optim_tables import Sgd
from edgessl.recipe.view_tables import ViewGroup
from edgessl.schedules import Clock
from edgessl.train import Engine, StepRecord, TrainingData, fit, steps_per_epoch
from edgessl.views import ViewSampler

IMAGES, BATCH = 10, 4
OPTIM = Sgd(name="sgd", lr=0.1, lr_batch=0, momentum=0.9)
CPU = torch.device("cpu")


class Probe(nn.Module):
    """A method of one linear layer that remembers what it saw, and drops out at random."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        nn.init.constant_(self.layer.weight, 0.5)
        nn.init.zeros_(self.layer.bias)
        self.seen: list[list[int]] = []
        self.clocks: list[Clock] = []

    @property
    def backbone(self) -> Backbone:
        """There is none."""
        raise NotImplementedError

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Regress the label from the mean colour."""
        assert labels is not None
        self.seen.append(labels.tolist())
        colours = torch.dropout(views[0][0].mean(dim=(2, 3)), 0.5, True)
        return Step((self.layer(colours)[:, 0] - labels).square().mean(), {})

    def after_step(self, clock: Clock) -> None:
        """Remember the clock."""
        self.clocks.append(clock)


@pytest.fixture
def data() -> TrainingData:
    """Noise whose labels are the sample ids."""
    pixels = torch.randint(
        256, (IMAGES, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    store = MemoryStore(pixels, np.full((IMAGES, 2), 20, np.int32))
    return TrainingData(store, torch.arange(IMAGES))


def _fit(
    probe: Probe, data: TrainingData, step: int = 0, optimizer: torch.optim.Optimizer | None = None
) -> Iterator[StepRecord]:
    groups = (ViewGroup(count=1, size_px=8, scale=(0.3, 1.0)),)
    return fit(
        probe, data, ViewSampler(groups, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)),
        optimizer or build_optimizer(probe, OPTIM), OPTIM,
        clock=Clock(step, steps_per_epoch(IMAGES, BATCH), epochs=3), batch_size=BATCH, seed=0,
        engine=Engine(CPU),
    )


def test_whole_batches_only_and_a_small_set_is_one() -> None:
    assert steps_per_epoch(10, 4) == 2
    assert steps_per_epoch(8, 4) == 2
    assert steps_per_epoch(3, 4) == 1


def test_an_epoch_visits_no_image_twice_and_each_has_its_own_order(data: TrainingData) -> None:
    probe = Probe()
    records = list(_fit(probe, data))
    assert len(records) == 6
    epochs = [probe.seen[i] + probe.seen[i + 1] for i in (0, 2, 4)]
    assert all(len(set(epoch)) == 8 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_clocks_count_steps_before_and_after(data: TrainingData) -> None:
    probe = Probe()
    after = [record.clock.step for record in _fit(probe, data)]
    assert [clock.step for clock in probe.clocks] == [0, 1, 2, 3, 4, 5]
    assert after == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("stop", [1, 2, 5])
def test_going_on_from_any_step_gives_the_same_weights(data: TrainingData, stop: int) -> None:
    whole = Probe()
    losses = [record.loss for record in _fit(whole, data)]

    part = Probe()
    optimizer = build_optimizer(part, OPTIM)
    first = [record.loss for record in islice(_fit(part, data, 0, optimizer), stop)]
    torch.manual_seed(99)  # what another program did in between must not matter
    rest = [record.loss for record in _fit(part, data, stop, optimizer)]
    assert torch.equal(torch.stack(first + rest), torch.stack(losses))
    assert torch.equal(part.layer.weight, whole.layer.weight)


def test_a_finished_stage_trains_no_more(data: TrainingData) -> None:
    assert list(_fit(Probe(), data, step=6)) == []
