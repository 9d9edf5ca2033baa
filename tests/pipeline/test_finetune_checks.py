"""``edgessl finetune`` is refused for its own mistakes, not for those of pretraining."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline.stories import Finetuning, run_finetune
from tiny_run import Listener, write_images, write_recipe

from edgessl.backbones import Backbone
from edgessl.errors import UserError
from edgessl.pipeline.pretrain import save_safetensors

VIT = ("backbone.name=vit-ti16", "backbone.last_stage=keep")
TOO_LATE = ("finetune.head_layers=1",)  # the file has no head, which is found after all checks


def test_what_only_pretraining_could_not_do_is_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    save_safetensors(tmp_path / "backbone.safetensors", Backbone("vit-ti16", image_px=32))
    request = Finetuning(
        str(tmp_path / "backbone.safetensors"), str(write_images(tmp_path / "images")),
        recipe=str(write_recipe(tmp_path)), out=tmp_path / "tuned", device="cpu", compiled=True,
        overrides=(
            *VIT, *TOO_LATE,
            "views.0.size_px=36",  # no multiple of the patch
            "optim={name='sgd', lr=1.0, warmup_steps=9999}",
            "pretrain.batchnorm_groups=2",  # with compiled backbones
        ),
    )  # fmt: skip
    with pytest.raises(UserError, match=r"found none; pass the pretrained\.pt of a run"):
        run_finetune(request, Listener())
