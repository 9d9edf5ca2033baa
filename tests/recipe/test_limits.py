"""Sizes that no machine has are refused when a recipe is read, before anything is built."""

from __future__ import annotations

import pytest

from edgessl.errors import UserError
from edgessl.recipe import load_recipe

HUGE = 2**31


@pytest.mark.parametrize(
    "key",
    [
        "image.crop_px", "image.resize_px", "pretrain.epochs", "pretrain.batch_size",
        "pretrain.accumulate", "finetune.epochs", "finetune.batch_size", "method.hidden_dim",
        "method.bottleneck_dim", "method.prototypes",
    ],
)  # fmt: skip
def test_a_size_beyond_all_machines_is_refused_by_name(key: str) -> None:
    with pytest.raises(UserError, match=rf"{key}: Input should be less than or equal to"):
        load_recipe("mobilenetv2-dino", overrides=(f"{key}={HUGE}",))


@pytest.mark.parametrize("key", ["count", "size_px"])
def test_so_is_one_of_a_view(key: str) -> None:
    view = {"count": 2, "size_px": 64, key: HUGE}
    table = ", ".join(f"{name} = {value}" for name, value in view.items())
    with pytest.raises(UserError, match=rf"views\.0\.{key}: Input should be less than or equal"):
        load_recipe("mobilenetv2-dino", overrides=(f"views=[{{{table}, scale = [0.3, 1.0]}}]",))
