"""Weights to start from fit a vision transformer for images of another size."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from edgessl.backbones import Backbone
from edgessl.pipeline.init import initialise


def test_position_embeddings_are_resampled(tmp_path: Path) -> None:
    """The smaller network resamples its own for larger images: then both compute the same."""
    small = Backbone("vit-ti16", image_px=32).eval()
    large = Backbone("vit-ti16", image_px=64).eval()
    file = tmp_path / "small.safetensors"
    save_file(dict(small.net.state_dict()), file)
    sentence = initialise(large, str(file))
    count = len(large.net.state_dict())
    assert sentence == f"Starting from {file}: {count} of {count} tensors loaded."
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(large(images), small(images), rtol=1e-4, atol=1e-5)


def test_other_networks_load_as_before(tmp_path: Path) -> None:
    given, own = Backbone("resnet18", image_px=32), Backbone("resnet18", image_px=64)
    file = tmp_path / "net.safetensors"
    save_file(dict(given.net.state_dict()), file)
    initialise(own, str(file))
    for key, value in given.net.state_dict().items():
        assert torch.equal(own.net.state_dict()[key], value)
