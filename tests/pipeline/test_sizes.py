"""Sizes of views that a backbone does not take are refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_run import write_recipe

from edgessl.errors import UserError
from edgessl.pipeline.misfits import check_sizes
from edgessl.recipe import Recipe, load_recipe


def recipe(folder: Path, *overrides: str) -> Recipe:
    return load_recipe(str(write_recipe(folder)), overrides=overrides)


def test_a_convolutional_network_takes_every_size(tmp_path: Path) -> None:
    check_sizes(recipe(tmp_path, "views.0.size_px=37"))


@pytest.mark.parametrize("name", ["vit-ti16", "deit-ti", "timm:vit_tiny_patch16_224"])
def test_a_vision_transformer_takes_multiples_of_its_patch(tmp_path: Path, name: str) -> None:
    vit = (f"backbone.name={name}", "backbone.last_stage=keep")
    check_sizes(recipe(tmp_path, *vit))
    wrong = recipe(tmp_path, *vit, "views.0.size_px=36", "finetune.view.size_px=40")
    with pytest.raises(UserError) as refusal:
        check_sizes(wrong)
    lines = str(refusal.value).splitlines()
    assert lines[0] == "tiny: 2 mistake(s)"
    assert lines[1].startswith(f"  views of 36 px: backbone.name: {name} must take images of 36 px")
    assert lines[2].startswith("  views of 40 px: ")


def test_a_backbone_that_cannot_be_built_is_refused(tmp_path: Path) -> None:
    unknown = recipe(tmp_path, "backbone.name=timm:resnet81")
    with pytest.raises(UserError, match="must be timm: and an architecture of timm"):
        check_sizes(unknown)
    odd = recipe(tmp_path, "backbone.name=vit-ti16", "backbone.last_stage=keep",
                 "image.crop_px=33")  # fmt: skip
    with pytest.raises(UserError, match=r"image\.crop_px: must be a multiple of 16 px"):
        check_sizes(odd)
