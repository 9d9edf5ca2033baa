"""NormRescale gives tensors the anchor's norms, and leaves alone what has none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from edgessl.backbones.norm_rescale import rescale_by_constant, rescale_to_anchor


def _network() -> dict[str, Tensor]:
    return {
        "conv.weight": torch.tensor([[3.0, 4.0], [0.0, 0.0]]),  # norm 5
        "bn.weight": torch.tensor([1.0, 2.0, 2.0]),  # norm 3
        "bn.bias": torch.zeros(3),
        "bn.running_var": torch.tensor([6.0, 8.0]),  # norm 10
        "bn.num_batches_tracked": torch.tensor(7),
        "pos_embed": torch.tensor([[2.0]]),
        "extra.weight": torch.tensor([[1.0]]),
    }


def _anchor() -> dict[str, Tensor]:
    return {
        "conv.weight": torch.tensor([[0.0, 0.0], [6.0, 8.0]]),  # norm 10
        "bn.weight": torch.tensor([1.0, 0.0, 0.0]),  # norm 1
        "bn.bias": torch.ones(3),
        "bn.running_var": torch.zeros(2),
        "bn.num_batches_tracked": torch.tensor(900),
        "pos_embed": torch.tensor([[-1.0]]),
    }


def test_weights_get_the_norm_of_the_anchor_and_keep_their_direction() -> None:
    found = rescale_to_anchor(_network(), _anchor(), "weights")
    assert found.weights["conv.weight"].tolist() == [[6.0, 8.0], [0.0, 0.0]]
    assert found.norms == {"conv.weight": (5.0, 10.0)}
    assert found.unmatched == ("extra.weight",)
    assert set(found.others) == {
        "bn.weight", "bn.bias", "bn.running_var", "bn.num_batches_tracked", "pos_embed",
    }  # fmt: skip


def test_all_floats_means_batch_norm_and_embeddings_too_but_no_counter() -> None:
    found = rescale_to_anchor(_network(), _anchor(), "floats")
    assert found.weights["bn.weight"].tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert found.weights["pos_embed"].tolist() == [[1.0]]
    assert found.others == ("bn.num_batches_tracked",)
    assert found.weights["bn.num_batches_tracked"].item() == 7


def test_a_norm_of_zero_on_either_side_changes_nothing() -> None:
    found = rescale_to_anchor(_network(), _anchor(), "floats")
    assert found.zero == ("bn.bias", "bn.running_var")
    assert found.weights["bn.bias"].tolist() == [0.0, 0.0, 0.0]
    assert found.weights["bn.running_var"].tolist() == [6.0, 8.0]
    assert all(bool(value.isfinite().all()) for value in found.weights.values())


def test_nothing_is_lost_and_the_input_stays() -> None:
    before = _network()
    for found in (
        rescale_to_anchor(before, _anchor(), "floats"), rescale_by_constant(before, 0.1, "floats"),
    ):  # fmt: skip
        assert list(found.weights) == list(before)
        assert all(value.dtype == before[key].dtype for key, value in found.weights.items())
    assert all(torch.equal(value, before[key]) for key, value in _network().items())


def test_a_constant_multiplies_weights_only_unless_told_otherwise() -> None:
    found = rescale_by_constant(_network(), 0.5, "weights")
    assert found.norms == {"conv.weight": (5.0, 2.5), "extra.weight": (1.0, 0.5)}
    found = rescale_by_constant(_network(), 0.5, "floats")
    assert found.weights["bn.running_var"].tolist() == [3.0, 4.0]
    assert found.zero == ("bn.bias",)


def test_its_own_anchor_changes_nothing() -> None:
    found = rescale_to_anchor(_network(), _network(), "floats")
    assert all(torch.equal(value, _network()[key]) for key, value in found.weights.items())
