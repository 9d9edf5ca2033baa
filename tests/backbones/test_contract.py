"""Every backbone turns images of any size into features, and trains in all its parts.

That it traces and exports is in ``tests/export/test_every_backbone.py``.
"""

from __future__ import annotations

from typing import cast

import pytest
import torch
from networks import NETWORKS
from torch import Tensor
from torch.nn.functional import interpolate

from edgessl.backbones import BACKBONES, Backbone, LastStage

SIZES = (96, 128, 160, 224)


@pytest.fixture(scope="module", params=NETWORKS, ids="-".join)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    """A random network for images of 96 px."""
    name, last_stage = cast(tuple[str, LastStage], request.param)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone(name, last_stage, 96)


def images(image_px: int) -> Tensor:
    return torch.randn(2, 3, image_px, image_px, generator=torch.Generator().manual_seed(0))


def test_all_backbones_are_here() -> None:
    assert len(BACKBONES) >= 15
    assert len(NETWORKS) >= 25


def test_features_of_all_sizes_have_the_probed_width(backbone: Backbone) -> None:
    backbone.eval()
    with torch.no_grad():
        for size_px in SIZES:
            assert backbone(torch.zeros(1, 3, size_px, size_px)).shape == (1, backbone.feature_dim)
    if backbone.last_stage == "keep":
        assert backbone.feature_dim == BACKBONES[backbone.name].feature_dim


def test_every_trainable_parameter_gets_a_gradient(backbone: Backbone) -> None:
    """So that distributed training need not look for unused ones."""
    features = backbone.train()(images(64))
    weights = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
    torch.autograd.backward((features * weights).sum())
    trainable = {key: p.grad for key, p in backbone.named_parameters() if p.requires_grad}
    assert [key for key, grad in trainable.items() if grad is None or not grad.any()] == []
    still = {key for key, p in backbone.named_parameters() if not p.requires_grad}
    frozen = {"net.patch_embed.proj.weight", "net.patch_embed.proj.bias"}
    assert still == (frozen if backbone.name.startswith("deit") else set())


@pytest.mark.parametrize("name", ["vit-ti16", "vit-ti32", "deit-ti"])
def test_position_embeddings_are_resampled_for_views_of_another_size(name: str) -> None:
    """As a network built for that size computes them with the same grid, interpolated."""
    small, large = Backbone(name, image_px=96).eval(), Backbone(name, image_px=160).eval()
    weights = small.net.state_dict()
    positions = weights["pos_embed"]  # (1, 1 + grid * grid, D): the class token's, then the grid
    old_px, new_px = (int((n - 1) ** 0.5) for n in (positions.shape[1], tokens_of(large)))
    grid = positions[:, 1:].unflatten(1, (old_px, old_px)).permute(0, 3, 1, 2)
    grid = interpolate(grid, size=(new_px, new_px), mode="bicubic", antialias=True)
    weights["pos_embed"] = torch.cat([positions[:, :1], grid.flatten(2).mT], dim=1)
    large.net.load_state_dict(weights)
    with torch.no_grad():
        torch.testing.assert_close(small(images(160)), large(images(160)), rtol=1e-4, atol=1e-5)


def tokens_of(backbone: Backbone) -> int:
    return int(cast(Tensor, backbone.net.pos_embed).shape[1])


@pytest.mark.parametrize("name", ["efficientnet-b0", "resnet18", "vit-ti16", "deit-ti"])
def test_dropout_and_stochastic_depth_work_in_training_only(name: str) -> None:
    plain = Backbone(name, image_px=32)
    images_ = images(32)
    for settings in ({"dropout": 0.5}, {"drop_path": 0.5}):
        random = Backbone(name, image_px=32, **settings)
        assert random.state_dict().keys() == plain.state_dict().keys()
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(0)
            random.train()
            assert not torch.equal(random(images_), random(images_))
            random.eval()
            assert torch.equal(random(images_), random(images_))
