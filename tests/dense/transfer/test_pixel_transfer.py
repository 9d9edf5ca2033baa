"""DeepLabV3 and FCN on our backbones, from Cityscapes' own folders to an mIoU."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from dense.stops import Stops
from dense.tiny_masks import write_masks
from dense.transfer.tiny_sets import write_cityscapes
from dense.transfer.tiny_transfer import write_weights
from shared import made_once
from torch import nn

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.dense.masks.masked import VOID
from edgessl.dense.transfer.dilated import PixelNetwork, hardest
from edgessl.dense.transfer.load_pixels import load_pixels
from edgessl.dense.transfer.originals import Stream
from edgessl.dense.transfer.pixel_sampler import PixelSampler
from edgessl.dense.transfer.pixels import labels_of
from edgessl.errors import Interrupted, UserError
from edgessl.optim.build import learning_rate
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.story import follow
from edgessl.pipeline.dense.transfer import PAPERS
from edgessl.recipe.optim_tables import Sgd
from edgessl.recipe.transfer_table import CropTable, PixelsTable
from edgessl.reporter import Reporter, Silent
from edgessl.rng import DrawKey
from edgessl.schedules import Clock

DEEPLAB = PixelsTable(name="deeplabv3", width=16)
CROP = CropTable(train_px=(48, 96), window_px=(64, 96), test_px=64)
SMALL = (
    "image.train_px=[48,96]", "image.window_px=[64,64]", "image.test_px=64", "segmenter.width=16",
    "train.batch_size=2", "segmenter.precise_batchnorm_steps=1",
)  # fmt: skip


def test_label_ids_become_the_classes_that_are_judged(tmp_path: Path) -> None:
    data = load_pixels(write_cityscapes(tmp_path))
    assert (len(data.train), len(data.test), len(data.classes)) == (6, 3, 19)
    labels = labels_of(data.train[1], data.lookup)
    found = {data.classes[value] for value in np.unique(labels) if value != VOID}
    assert found == {"road", "car", "person"}
    assert (labels[0] == labels[-1]).all()
    assert labels[0, 0] == VOID


def test_an_image_without_annotation_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_cityscapes(tmp_path)
    next((folder / "gtFine/train/aachen").iterdir()).unlink()
    with pytest.raises(UserError, match=r"labelIds.png: must be there, the annotation of aachen"):
        load_pixels(folder)


def test_a_users_own_masks_train_on_val_too(tmp_path: Path) -> None:
    data = load_pixels(write_masks(tmp_path))
    assert len(data.train) > len(data.test) > 0


@pytest.mark.parametrize(
    ("source", "more"),
    [("citiscapes", r"; did you mean cityscapes\?"), ("voc07", "; it is for --task detect")],
)
def test_another_set_is_refused_by_name(source: str, more: str) -> None:
    told = rf"--data: must be cityscapes or a folder with masks, got '{source}'{more}"
    with pytest.raises(UserError, match=told):
        load_pixels(source)


def test_cityscapes_can_only_be_had_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path))
    monkeypatch.delenv("EDGESSL_DATA", raising=False)
    with pytest.raises(UserError, match=r"for registered users\), into .*leftImg8bit/train/"):
        load_pixels("cityscapes")


@pytest.mark.parametrize(("stride", "side"), [(8, 12), (16, 6), (32, 3)])
def test_strides_give_way_to_dilation(stride: int, side: int) -> None:
    table = DEEPLAB.model_copy(update={"stride": stride})
    network = PixelNetwork(Backbone("resnet18"), 5, table).eval()
    maps: list[torch.Size] = []
    network.head.register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0].shape))
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 96, 96)).shape == (1, 5, 96, 96)
    assert maps[0][-2:] == (side, side)


def test_the_last_blocks_have_the_dilations_of_the_multigrid() -> None:
    network = PixelNetwork(Backbone("resnet50"), 5, DEEPLAB)
    last = network.body.net.layer4
    assert isinstance(last, nn.Sequential)
    assert [block.conv2.dilation for block in last] == [(2, 2), (4, 4), (8, 8)]
    assert not {block.conv2.stride for block in last} - {(1, 1)}


@pytest.mark.parametrize("name", ["mobilenetv2", "efficientnet-lite0", "vit-ti16"])
def test_other_families_lend_the_map_of_that_stride(name: str) -> None:
    network = PixelNetwork(Backbone(name), 5, PixelsTable(name="fcn", width=16, rates=(6,)))
    network(torch.zeros(2, 3, 64, 64)).sum().backward()
    with pytest.raises(UserError, match=r"segmenter\.stride: must be of vit-ti32's maps"):
        PixelNetwork(Backbone("vit-ti32"), 5, DEEPLAB.model_copy(update={"stride": 8}))


def test_hard_pixels_are_those_of_the_highest_loss() -> None:
    losses = torch.arange(10.0).reshape(2, 5)
    assert hardest(losses, 0.2) == pytest.approx((9 + 8) / 2)
    assert hardest(losses, 1.0) == pytest.approx(4.5)


def test_the_rate_falls_by_a_power_of_what_is_left() -> None:
    """detectron2's WarmupPolyLR, the warm-up counted in."""
    table = Sgd(name="sgd", lr=0.01, lr_batch=0, curve="poly", warmup_steps=100)
    rates = [learning_rate(table, Clock(step, 1000, 1), 16) for step in (100, 500, 999)]
    assert rates == pytest.approx([0.01 * 0.9**0.9, 0.01 * 0.5**0.9, 0.01 * 0.001**0.9])


def test_a_crop_shows_image_and_classes_at_the_same_place(tmp_path: Path) -> None:
    """What is drawn as a car is blue, wherever and however large the crop has it."""
    data = load_pixels(write_cityscapes(tmp_path))
    sizes = np.array([(one.height, one.width) for one in data.train], np.int32)
    stream = Stream(data.train, sizes, 12, seed=0, stage=30)
    ids = np.arange(12, dtype=np.int64)
    (packed,) = stream.batches([ids], torch.device("cpu"))
    plain = CROP.model_copy(update={"mean": (0.0,) * 3, "std": (1.0,) * 3})
    sampler = PixelSampler(data.train, data.lookup, stream, plain)
    (images,), classes = sampler(packed, stream.sizes[ids], ids, DrawKey(0, 30, 0))
    assert images.shape == (12, 3, 64, 96)
    assert classes.shape == (12, 64, 96)
    car = classes == data.classes.index("car")
    blue = (images[:, 2] > 0.7) & (images[:, 0] < 0.3)
    assert car.sum() > 500
    assert (car & blue).sum() / car.sum() > 0.9
    assert (classes == VOID).any()  # small images are filled up


@pytest.fixture(scope="session")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cityscapes, and weights beside it."""

    def make(folder: Path) -> None:
        write_cityscapes(folder / "cityscapes")
        write_weights(folder / "resnet18.pth")

    return made_once(tmp_path_factory, "streets", make)


def _run(streets: Path, out: Path, reporter: Reporter, name: str = "airl-cityscapes") -> Path:
    asked = Asked(
        name, streets / "cityscapes", init=str(streets / "resnet18.pth"), backbone="resnet18",
        iterations=3, out=out, overrides=SMALL, device="cpu",
    )
    run = follow(PAPERS["segment"], asked, reporter=reporter)
    assert run.scores["miou"].n == 3  # every reader of reports can read it
    return run.path


def test_a_stopped_run_goes_on_to_the_same_bits(streets: Path, tmp_path: Path) -> None:
    whole = _run(streets, tmp_path / "whole", Silent())
    with pytest.raises(Interrupted, match="stopped in segment at step 2 of 3"):
        _run(streets, tmp_path / "stopped", Stops("segment", at=2))
    stopped = _run(streets, tmp_path / "stopped", Silent())
    first, second = (checkpoint.load(one / "ckpt.pt")["weights"] for one in (whole, stopped))
    assert all(torch.equal(first[key], second[key]) for key in first)
    report = json.loads((whole / "report.json").read_text())
    assert report["task"] == "segment"
    assert len(report["classes"]) == 19
    assert (whole / "report.html").read_text().count("data:image/jpeg") == 6


@pytest.mark.slow
def test_two_steps_and_figures_as_it_is(streets: Path, tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "net.pth", "resnet50")
    asked = Asked(
        "airl-cityscapes", streets / "cityscapes", init=str(weights), backbone="resnet50",
        iterations=2, out=tmp_path / "run", device="cpu",
        overrides=("image.train_px=[48,96]", "image.window_px=[64,64]", "image.test_px=64",
                   "train.batch_size=2"),
    )  # fmt: skip
    run = follow(PAPERS["segment"], asked, reporter=Silent())
    assert run.report["recipe"]["segmenter"]["multigrid"] == [1, 2, 4]


@pytest.mark.slow
def test_the_variant_is_an_fcn(streets: Path, tmp_path: Path) -> None:
    run = _run(streets, tmp_path, Silent(), "airl-cityscapes:fcn")
    weights = checkpoint.load(run / "ckpt.pt")["weights"]
    assert [key for key in weights if key.startswith("head") and weights[key].ndim == 4] == [
        "head.0.weight", "head.3.weight", "head.6.weight",
    ]  # fmt: skip


def test_a_batch_of_one_is_refused_for_deeplab(streets: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="batch_size must be at least 2 for deeplabv3"):
        follow(PAPERS["segment"],
            Asked("airl-cityscapes", streets / "cityscapes", init=str(streets / "resnet18.pth"),
                  backbone="resnet18", out=tmp_path, overrides=("train.batch_size=1",),
                  device="cpu"),
            reporter=Silent(),
        )  # fmt: skip
