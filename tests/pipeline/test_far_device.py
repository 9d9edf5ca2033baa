"""No tensor of the CPU meets one of the device that trains, from pixels to the report."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from far_device import NAME, FarTensor, far_device
from pipeline.stories import Finetuning, Pretraining, run_finetune, run_recipe
from pipeline.tiny_run import ENGINE, Listener, request, write_images, write_recipe
from torch import nn

from edgessl import checkpoint

SHORT = ("pretrain.epochs=1", "finetune.epochs=1")
STAGES = (
    "pretrain.epochs=2", 'evaluate.protocols=["knn"]',
    "pretrain.stages=[{epochs = 1, views_px = [16, 8]}, {epochs = 1, views_px = [32, 16]}]",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and a recipe."""
    root = tmp_path_factory.mktemp("far")
    write_images(root / "images")
    write_recipe(root)
    return root


@pytest.fixture(scope="module")
def whole(place: Path) -> Path:
    """A run that did everything on the device, from pretraining to scores."""
    with far_device():
        report = run_recipe(_asked(place, "whole", *SHORT), Listener())
    assert {"knn_top1", "linear_top1", "finetune_top1"} <= report["scores"].keys()
    return place / "whole"


def _asked(place: Path, out: str, *overrides: str) -> Pretraining:
    return request(place / "tiny.toml", place / "images", place / out, *overrides)


def test_the_device_computes_as_the_cpu_does_and_refuses_its_tensors() -> None:
    layer, images = nn.Linear(3, 2), torch.ones(4, 3)
    wanted = layer(images)
    with far_device():
        layer.to(NAME)
        assert isinstance(layer.weight, nn.Parameter)
        assert layer.weight.device.type == NAME
        found = layer(images.to(NAME))
        assert isinstance(found.detach(), FarTensor)
        assert torch.equal(found.cpu(), wanted)
        with pytest.raises(RuntimeError, match="on two devices"):
            layer(images)
        with pytest.raises((RuntimeError, TypeError), match="numpy"):
            found.detach().numpy()


def test_a_whole_run_stays_on_its_device_and_leaves_files_for_any(whole: Path) -> None:
    weights = checkpoint.load(whole / "ckpt.pt")["weights"]
    assert {type(value) for value in weights.values()} == {torch.Tensor}
    assert {value.device.type for value in weights.values()} == {"cpu"}


def test_a_run_that_died_after_its_last_stage_goes_on_there(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The method is read back, and nothing is left to train that would put it on the device."""

    def dies(*_args: object) -> None:
        raise RuntimeError("power cut")

    asked = _asked(place, "stages", *STAGES)
    with far_device():
        with monkeypatch.context() as patch:
            patch.setattr("edgessl.pipeline.pretrain.keep_pretrained", dies)
            with pytest.raises(RuntimeError, match="power cut"):
                run_recipe(asked, Listener())
        assert run_recipe(asked, Listener())["scores"].keys() == {"knn_top1"}


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["fixmatch", "flexmatch", "freematch", "softmatch"])
def test_images_without_label_take_part_on_the_device(place: Path, whole: Path, rule: str) -> None:
    asked = Finetuning(
        str(whole / "pretrained.pt"), str(place / "images"), labels_per_class=3, epochs=2,
        out=place / rule, device="cpu", baselines=("none",),
        overrides=(*ENGINE, "finetune.mixup_alpha=0", f"finetune.semi.name={rule}"),
    )  # fmt: skip
    with far_device():
        assert "finetune_top1" in run_finetune(asked, Listener())["scores"]
