"""Weights of a last stage that the recipe removes are not dropped without a word."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from edgessl.backbones import Backbone
from edgessl.start.begin import initialise

WHOLE = Backbone("resnet18", image_px=32)
LAYER4 = [key for key in WHOLE.net.state_dict() if key.startswith("layer4.")]


def test_they_are_counted_and_nothing_is_drawn(tmp_path: Path) -> None:
    file = tmp_path / "whole.safetensors"
    save_file(dict(WHOLE.net.state_dict()), file)
    without = Backbone("resnet18", "remove", image_px=32)
    count = len(without.net.state_dict())
    before = torch.get_rng_state()
    assert initialise(without, str(file)) == (
        f"Starting from {file}: {count} of {count} tensors loaded. {len(LAYER4)} tensors of the "
        "last stage are kept aside: the recipe removes it for pretraining, and it grows back with "
        "them for fine-tuning."
    )
    assert torch.equal(torch.get_rng_state(), before)


def test_a_backbone_that_keeps_its_last_stage_uses_them(tmp_path: Path) -> None:
    file = tmp_path / "whole.safetensors"
    save_file(dict(WHOLE.net.state_dict()), file)
    assert initialise(Backbone("resnet18", image_px=32), str(file)).endswith(" tensors loaded.")
