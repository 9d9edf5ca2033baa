"""spread and dimensions tell outputs that differ between images from those that do not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from edgessl.metrics.spread import dead_dimensions, dimension_spread, dimensions, spread


def noise(rows: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def test_outputs_in_all_directions_have_spread_one() -> None:
    assert float(spread(noise(4096, 64))) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("length", [1e-6, 1.0, 1e6])
def test_the_same_output_for_every_image_has_neither_spread_nor_dimensions(length: float) -> None:
    same = length * noise(1, 64).expand(32, -1)
    assert float(spread(same)) == pytest.approx(0.0, abs=1e-5)
    assert float(dimensions(same)) == 0.0


def test_spread_is_the_deviation_of_normalised_rows_written_out() -> None:
    outputs = noise(10, 4) + 1.0
    rows = [row / row.norm() for row in outputs]
    total = 0.0
    for column in range(4):
        values = [float(row[column]) for row in rows]
        mean = sum(values) / 10
        total += (sum((value - mean) ** 2 for value in values) / 10) ** 0.5
    assert float(spread(outputs)) == pytest.approx(total / 4 * 4**0.5, rel=1e-5)


def test_spread_does_not_depend_on_length() -> None:
    outputs = noise(32, 16) + 0.5
    longer = outputs * torch.linspace(0.1, 10.0, 32)[:, None]
    assert float(spread(longer)) == pytest.approx(float(spread(outputs)), rel=1e-5)


@pytest.mark.parametrize(("rows", "width"), [(6, 40), (40, 6)])
def test_dimensions_is_the_participation_ratio_of_the_covariance(rows: int, width: int) -> None:
    outputs = noise(rows, width) * torch.linspace(0.1, 3.0, width)
    unit = outputs / outputs.norm(dim=1, keepdim=True)
    values = torch.linalg.eigvalsh(torch.cov(unit.T.double()))
    expected = values.sum() ** 2 / values.square().sum()
    assert float(dimensions(outputs)) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_outputs_along_a_few_axes_have_as_many_dimensions(count: int) -> None:
    axes = torch.eye(count, 32).repeat(10, 1)
    outputs = torch.cat([axes, -axes])  # mean 0, so that no axis is lost to it
    assert float(dimensions(outputs)) == pytest.approx(count, rel=1e-4)


def test_no_gradient_is_kept() -> None:
    outputs = noise(8, 4).requires_grad_()
    assert not spread(outputs).requires_grad
    assert not dimensions(outputs).requires_grad


def test_spread_of_each_dimension_is_its_standard_deviation_the_largest_first() -> None:
    outputs = torch.tensor([[0.0, 1.0, 5.0], [2.0, 9.0, 5.0]])
    assert dimension_spread(outputs).tolist() == [4.0, 1.0, 0.0]


def test_a_dimension_is_dead_under_a_hundredth_of_what_is_usual() -> None:
    outputs = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    assert dead_dimensions(outputs) == 0
    assert dead_dimensions(outputs * torch.tensor([1.0, 1.0, 1e-3, 0.0])) == 2
    assert dead_dimensions(torch.ones(5, 4)) == 4  # nothing varies
