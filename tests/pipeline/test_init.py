"""Weights to start from fit a vision transformer for images of another size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from edgessl.backbones import Backbone
from edgessl.errors import UserError
from edgessl.start.begin import initialise
from edgessl.start.fit import below_prefix
from edgessl.start.tensor_file import read_weights


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


PREFIXES = {
    "MoCo v2": ("module.encoder_q.", "module.encoder_k.", "module.queue"),
    "BYOL of AIRL": ("module.online_net.", "module.target_net.", "module.target_net.fc.0.weight"),
}


@pytest.mark.parametrize("source", PREFIXES)
def test_checkpoints_of_papers_give_the_network_that_was_trained(
    tmp_path: Path, source: str
) -> None:
    trained, followed, other = PREFIXES[source]
    given, own = Backbone("resnet18", image_px=32), Backbone("resnet18", image_px=32)
    weights = given.net.state_dict()
    payload = {f"{trained}{key}": value for key, value in weights.items()}
    payload |= {f"{followed}{key}": torch.zeros_like(value) for key, value in weights.items()}
    payload |= {f"{trained}fc.0.weight": torch.zeros(8, 512), other: torch.zeros(8)}
    torch.save({"epoch": 200, "arch": "resnet18", "state_dict": payload}, tmp_path / "paper.pth")
    count = len(weights)
    told = initialise(own, str(tmp_path / "paper.pth"))
    assert f": {count} of {count} tensors loaded." in told
    assert all(torch.equal(own.net.state_dict()[key], value) for key, value in weights.items())
    anchor = below_prefix(weights, read_weights(tmp_path / "paper.pth", "--anchor"))
    assert anchor.keys() == {*weights, "fc.0.weight"}


def test_weights_that_fit_nothing_are_told_with_their_keys(tmp_path: Path) -> None:
    torch.save({"stem.a": torch.zeros(1), "stem.b": torch.zeros(1)}, tmp_path / "other.pth")
    message = r"only 0 of \d+ tensors do \(keys there: stem\.a, stem\.b, …; here: conv1\.weight, "
    with pytest.raises(UserError, match=message):
        initialise(Backbone("resnet18", image_px=32), str(tmp_path / "other.pth"))
