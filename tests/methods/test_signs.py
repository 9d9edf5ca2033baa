"""The signs that methods report have the values of collapse where outputs have collapsed."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor

from edgessl.methods.signs import output_signs, prototype_signs, target_signs, winners

K = 16


def projections(seed: int = 0) -> Tensor:
    return torch.randn(8, 4, generator=torch.Generator().manual_seed(seed))


def one_hot(*numbers: int) -> Tensor:
    return torch.nn.functional.one_hot(torch.tensor(numbers), K).float()


def test_a_loss_at_chance_is_no_share_below_it() -> None:
    chance = log(2 * 64 - 1)
    signs = output_signs(projections(), projections(1), torch.tensor(chance), chance)
    assert float(signs["below_chance"]) == pytest.approx(0.0, abs=1e-6)
    assert float(signs["chance_loss"]) == pytest.approx(chance)
    halfway = output_signs(projections(), projections(1), torch.tensor(chance / 2), chance)
    assert float(halfway["below_chance"]) == pytest.approx(0.5)


def test_a_loss_of_0_where_chance_is_0_too_is_not_below_it() -> None:
    signs = output_signs(projections(), projections(1), torch.tensor(0.0), 0.0)
    assert float(signs["below_chance"]) == 0.0


def test_views_that_are_alike_are_found_and_others_by_chance() -> None:
    images = torch.eye(8)
    signs = output_signs(images, 3.0 * images, torch.tensor(0.0), 1.0)
    assert float(signs["views_found"]) == pytest.approx(1.0)
    signs = output_signs(images, images.roll(1, dims=0), torch.tensor(0.0), 1.0)
    assert float(signs["views_found"]) == pytest.approx(-1 / 7)
    constant = torch.ones(8, 4)
    assert float(output_signs(constant, constant, torch.tensor(0.0), 1.0)["views_found"]) == 0.0


def test_uniform_targets_have_entropy_ln_k_and_no_information() -> None:
    signs = target_signs(torch.full((2, 3, K), 1 / K))
    assert float(signs["target_entropy"]) == pytest.approx(log(K))
    assert float(signs["target_information"]) == pytest.approx(0.0, abs=1e-6)


def test_one_prototype_for_all_has_neither_entropy_nor_information() -> None:
    signs = target_signs(one_hot(3, 3, 3, 3))
    assert float(signs["target_entropy"]) == pytest.approx(0.0, abs=1e-6)
    assert float(signs["target_information"]) == pytest.approx(0.0, abs=1e-6)


def test_a_prototype_of_its_own_for_every_image_is_worth_ln_n() -> None:
    signs = target_signs(one_hot(3, 7, 1, 0))
    assert float(signs["target_information"]) == pytest.approx(log(4))


def test_chance_is_what_the_best_constant_prediction_loses() -> None:
    targets = torch.softmax(torch.randn(6, K, generator=torch.Generator().manual_seed(1)), dim=1)
    constant = targets.mean(dim=0).log()
    loss = -(targets * constant).sum(dim=1).mean()
    signs = prototype_signs(projections(), projections(1), loss, targets)
    assert float(signs["below_chance"]) == pytest.approx(0.0, abs=1e-6)
    assert float(signs["chance_loss"]) == pytest.approx(float(loss), rel=1e-5)


def test_winners_are_the_most_likely_prototypes() -> None:
    assert winners(one_hot(3, 7, 7, 0).view(2, 2, K)).tolist() == [3, 7, 7, 0]
