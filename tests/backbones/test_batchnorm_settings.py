"""BN's epsilon is part of what a network computes: it goes into every file, and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from edgessl import checkpoint
from edgessl.backbones import Backbone, deployable_from, deployable_payload
from edgessl.pipeline.finetune.prepare import changes_for
from edgessl.pipeline.pretrain import save_safetensors
from edgessl.recipe import load_recipe
from edgessl.start.run_files import read_start

NAME = "efficientnet-b0"


def _norms(backbone: Backbone) -> set[tuple[float, float | None]]:
    return {
        (module.eps, module.momentum)
        for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)
    }  # fmt: skip


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """The network of ssl-small."""
    return Backbone(NAME, image_px=32, batchnorm_eps=1e-3, batchnorm_momentum=0.01).eval()


def test_all_batch_norms_are_set_and_otherwise_left_as_they_are(backbone: Backbone) -> None:
    assert _norms(backbone) == {(1e-3, 0.01)}
    assert _norms(Backbone(NAME, image_px=32)) == {(1e-5, 0.1)}


@pytest.mark.parametrize("name", ["pretrained.pt", "backbone.safetensors"])
def test_a_file_gives_the_same_network(tmp_path: Path, backbone: Backbone, name: str) -> None:
    path = tmp_path / name
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_px": 32, "crop_px": 32,
                  "interpolation": "bicubic"}  # fmt: skip
    payload = deployable_payload(backbone, classes=(), preprocess=preprocess, provenance={})
    if path.suffix == ".pt":
        checkpoint.save(path, payload)
        assert {eps for eps, _ in _norms(deployable_from(payload, name).backbone)} == {1e-3}
    else:
        save_safetensors(path, backbone)
    start = read_start(path)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(start.build(32).eval()(images), backbone(images))
    changes = changes_for(start, load_recipe("efficientnet-b0-simclr"), None)
    changed = load_recipe("efficientnet-b0-simclr", overrides=changes)
    assert changed.backbone.batchnorm_eps == 1e-3
