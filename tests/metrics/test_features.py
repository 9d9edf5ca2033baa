"""Features come in order, in eval mode, in float32, and the network is left as it was."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgessl.backbones import Backbone
from edgessl.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from edgessl.metrics.features import extract_features, normalised_batches


def some_pixels(count: int, side: int = 32) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def test_batches_hold_what_the_exported_preprocessing_gives() -> None:
    pixels = some_pixels(5)
    batches = normalised_batches(pixels, IMAGENET_MEAN, IMAGENET_STD, device="cpu", batch_size=2)
    ours = torch.cat(list(batches))
    expected = Preprocess(32, 32).normalise(pixels)
    torch.testing.assert_close(ours, torch.from_numpy(expected), rtol=0, atol=1e-6)


def test_the_batch_size_does_not_change_the_features() -> None:
    torch.manual_seed(0)
    backbone = Backbone("mobilenetv2")
    pixels = some_pixels(7)
    small, whole = (
        extract_features(
            backbone, pixels, IMAGENET_MEAN, IMAGENET_STD, device="cpu", batch_size=size
        )
        for size in (3, 128)
    )
    assert whole.shape == (7, 1280)
    assert whole.dtype == torch.float32
    torch.testing.assert_close(small, whole, rtol=1e-4, atol=1e-5)


def test_training_mode_comes_back_and_frozen_layers_stay_frozen() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.9))
    network.train()
    network[1].eval()
    extract_features(network, some_pixels(3), IMAGENET_MEAN, IMAGENET_STD, device="cpu")
    assert [module.training for module in network] == [True, False, True, True]


def test_statistics_do_not_move_and_dropout_is_off() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Dropout(0.9)).train()
    features = extract_features(network, some_pixels(3), IMAGENET_MEAN, IMAGENET_STD, device="cpu")
    assert network.state_dict()["0.num_batches_tracked"].item() == 0
    assert float((features == 0).float().mean()) < 0.1


def test_a_probe_can_be_trained_on_the_features() -> None:
    features = extract_features(
        nn.Flatten(), some_pixels(3), IMAGENET_MEAN, IMAGENET_STD, device="cpu"
    )
    weight = torch.zeros(features.shape[1], 2, requires_grad=True)
    torch.autograd.grad((features @ weight).sum(), weight)  # an inference tensor would refuse


def test_a_read_only_memory_map_is_fine() -> None:
    pixels = some_pixels(3)
    pixels.setflags(write=False)
    extract_features(nn.Flatten(), pixels, IMAGENET_MEAN, IMAGENET_STD, device="cpu")
