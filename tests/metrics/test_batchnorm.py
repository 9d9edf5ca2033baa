"""Recalibrated BN statistics are the averages over the images, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from edgessl.backbones import Backbone
from edgessl.errors import UserError
from edgessl.metrics.batchnorm import recalibrate_batchnorm

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def some_pixels(count: int, side: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def normalised(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return (torch.from_numpy(pixels).float() / 255 - 0.5) / 0.25


def test_one_batch_gives_exactly_its_own_statistics() -> None:
    pixels = some_pixels(16)
    norm = nn.BatchNorm2d(3)
    norm.running_mean.fill_(9.0)  # type: ignore[union-attr]
    recalibrate_batchnorm(norm, pixels, MEAN, STD, device="cpu")
    images = normalised(pixels)
    torch.testing.assert_close(norm.running_mean, images.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(norm.running_var, images.var(dim=(0, 2, 3)))


def test_every_image_counts_alike_in_several_batches() -> None:
    pixels = some_pixels(24)
    norm = nn.BatchNorm2d(3)
    recalibrate_batchnorm(norm, pixels, MEAN, STD, device="cpu", batch_size=8)
    torch.testing.assert_close(norm.running_mean, normalised(pixels).mean(dim=(0, 2, 3)))
    assert int(norm.num_batches_tracked) == 3  # type: ignore[arg-type]


def test_images_sorted_by_class_do_not_shrink_the_variance() -> None:
    dark = np.zeros((32, 3, 4, 4), dtype=np.uint8)
    pixels = np.concatenate([dark, dark + 255])
    norm = nn.BatchNorm2d(3)
    recalibrate_batchnorm(norm, pixels, MEAN, STD, device="cpu", batch_size=32)
    assert norm.running_var is not None
    assert float(norm.running_var.min()) > 3.0  # of values -2 and 2; batches of one class give 0


def test_modes_momentum_and_weights_are_left_as_they_were() -> None:
    torch.manual_seed(0)
    backbone = Backbone("mobilenetv2").train()
    weights = {name: value.clone() for name, value in backbone.named_parameters()}
    momenta = [m.momentum for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    recalibrate_batchnorm(backbone, some_pixels(4, 32), MEAN, STD, device="cpu")
    assert all(module.training for module in backbone.modules())
    assert [m.momentum for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)] == momenta
    assert all(torch.equal(weights[name], value) for name, value in backbone.named_parameters())


def test_twice_gives_the_same_to_the_bit() -> None:
    torch.manual_seed(0)
    backbone = Backbone("mobilenetv2")
    states = []
    for _ in range(2):
        recalibrate_batchnorm(backbone, some_pixels(9, 32), MEAN, STD, device="cpu", batch_size=4)
        states.append({key: value.clone() for key, value in backbone.state_dict().items()})
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_dropout_stays_off() -> None:
    network = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(3)).train()
    pixels = np.full((8, 3, 4, 4), 255, dtype=np.uint8)
    recalibrate_batchnorm(network, pixels, MEAN, STD, device="cpu")
    torch.testing.assert_close(network[1].running_mean, torch.full((3,), 2.0))


def test_no_more_images_than_asked_are_used() -> None:
    norm = nn.BatchNorm2d(3)
    recalibrate_batchnorm(
        norm, some_pixels(50), MEAN, STD, device="cpu", batch_size=4, max_images=12
    )
    assert int(norm.num_batches_tracked) == 3  # type: ignore[arg-type]


def test_a_network_without_batch_norm_is_left_alone() -> None:
    recalibrate_batchnorm(nn.LayerNorm(8), some_pixels(1), MEAN, STD, device="cpu")


def test_one_image_is_refused() -> None:
    with pytest.raises(UserError, match="at least 2 images, got 1"):
        recalibrate_batchnorm(nn.BatchNorm2d(3), some_pixels(1), MEAN, STD, device="cpu")
