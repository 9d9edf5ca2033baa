"""The schedule of jitter takes every sample through its own order of operations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import torch

from edgessl.views.colour import JITTER
from edgessl.views.jitter import NO_JITTER, ORDERS, SCHEDULE, apply_jitter, order_numbers

STRENGTHS = (0.4, 0.4, 0.4, 0.1)


def test_there_is_every_order_once() -> None:
    assert set(ORDERS) == set(permutations(range(4)))
    assert len(ORDERS) == 24


def test_every_order_meets_its_operations_in_order_and_each_once() -> None:
    for number, order in enumerate(ORDERS):
        met = [operation for operation, first, stop in SCHEDULE if first <= number < stop]
        assert tuple(met) == order


def test_hue_the_dearest_runs_once() -> None:
    assert [operation for operation, _, _ in SCHEDULE].count(3) == 1


def test_numbers_name_the_order_of_samples_that_are_jittered() -> None:
    order = np.array(ORDERS)
    jitter = np.arange(24) % 3 > 0
    expected = np.where(jitter, np.arange(24), NO_JITTER)
    assert np.array_equal(order_numbers(jitter, order), expected)


def test_samples_of_no_jitter_and_operations_of_no_strength_change_nothing() -> None:
    pixels = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    numbers = np.array([0, 5, NO_JITTER])
    factors = torch.tensor([[0.7, 1.3, 0.8, 0.2]]).expand(3, -1)
    jittered = pixels.clone()
    apply_jitter(jittered, numbers, factors, STRENGTHS)
    assert torch.equal(jittered[2], pixels[2])
    assert not torch.isclose(jittered[:2], pixels[:2], atol=1e-3).all(dim=1).any()

    jittered = pixels.clone()
    apply_jitter(jittered, numbers, factors, (0.4, 0.0, 0.0, 0.0))
    expected = JITTER[0](pixels.clone(), torch.tensor([0.7, 0.7, 1.0]))
    assert torch.equal(jittered, expected)
