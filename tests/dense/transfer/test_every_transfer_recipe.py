"""Every protocol of a paper builds, trains and evaluates, and says where its numbers are from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dense.transfer.tiny_sets import write_devkit, write_instances
from dense.transfer.tiny_transfer import write_weights
from typer.testing import CliRunner

from edgessl import catalog
from edgessl.cli import app
from edgessl.errors import UserError
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.story import follow
from edgessl.pipeline.dense.transfer import PAPERS
from edgessl.recipe.backbones import BACKBONES
from edgessl.recipe.load import variants_in
from edgessl.recipe.load_transfer import find_transfer, load_transfer, protocols_of
from edgessl.reporter import Silent
from edgessl.schedules import Clock

FILES = sorted(catalog.entries("transfers").values())
NAMES = [name for path in FILES
         for name in (path.stem, *(f"{path.stem}:{one}" for one in variants_in(path)))]  # fmt: skip
SMALL = (
    "image.train_px=[64,96]", "image.test_px=64", "image.max_px=160", "train.batch_size=2",
    "detector.precise_batchnorm_steps=0", "detector.max_boxes=5",
    "detector.proposals_before=[60,60]", "detector.proposals_after=[40,10]",
)  # fmt: skip
CHEAP = ("airl-coco-c4",)


def test_there_are_protocols_of_three_papers() -> None:
    assert {catalog.source_of(path) for path in FILES} == {"s3l", "sslight", "airl"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_head_says_the_command_the_source_and_the_promise(path: Path) -> None:
    header = path.read_text().split("task =")[0]
    assert all(f"# {word}" in header for word in ("source:", "reported", "promise:"))
    recipe = header.split("--recipe ")[1].split()[0]
    named = find_transfer(recipe)
    assert named is not None
    assert named.path == path
    table = load_transfer(named)
    assert table.source == path.parent.parent.name
    assert f"--task {table.task} " in header


@pytest.mark.parametrize("name", NAMES)
def test_its_schedule_steps_where_detectron2s_does(name: str) -> None:
    named = find_transfer(name)
    assert named is not None
    table = load_transfer(named)
    train, optim = table.train, table.train.optim
    clock = Clock(0, train.iterations, 1)
    assert optim.peak_lr(train.batch_size) == optim.lr
    if optim.curve != "steps":
        return
    downs = [round(share / 100 * train.iterations) for share in optim.milestones_percent]
    wanted = {9000: (100, [6750, 8250]), 24000: (100, [18000, 22000]),
              45000: (1000, [30000, 40000]), 90000: (1000, [60000, 80000]),
              180000: (1000, [120000, 160000])}  # fmt: skip
    assert (optim.warmup(clock), downs) == wanted[train.iterations]


def test_a_recipe_of_pretraining_lends_its_backbone_and_its_paper() -> None:
    named = find_transfer("airl-resnet101-byol:voc07-c4")
    assert named is not None
    table = load_transfer(named)
    assert (table.name, table.source) == ("airl-resnet101-byol:voc07-c4", "airl")
    assert table.backbone.name == "resnet101"
    assert protocols_of("sslight-mobilenetv2-dino") == ["coco-fpn", "coco-fpn-2x"]
    named = find_transfer("sslight-mobilenetv2-dino:coco-fpn-2x")
    assert named is not None
    assert load_transfer(named).detector.wide_end
    assert load_transfer(named).train.iterations == 180000


def test_a_name_of_something_else_is_none() -> None:
    for name in ("mobilenetv2-dino", "s3l-resnet50-moco", "s3l-resnet50-moco:nothing", "no.toml"):
        assert find_transfer(name) is None


def test_protocols_are_listed_and_shown() -> None:
    rows = json.loads(CliRunner().invoke(app, ["list", "recipes", "--json"]).stdout)
    (row,) = [one for one in rows if one["name"] == "s3l-coco-fpn"]
    assert row == {"name": "s3l-coco-fpn", "source": "s3l", "backbone": "resnet50",
                   "method": "mask_rcnn", "variants": ["2x"]}  # fmt: skip
    sets = CliRunner().invoke(app, ["list", "data"]).stdout
    assert "for finetune --task segment with a paper's recipe; from its own page" in sets
    shown = CliRunner().invoke(app, ["show", "s3l-resnet18-moco:voc07-c4"]).stdout
    assert 'name = "s3l-resnet18-moco:voc07-c4"' in shown
    assert 'name = "resnet18"' in shown


def _trained(path: Path, backbone: str, folder: Path) -> dict[str, object]:
    masks = 'name = "mask_rcnn"' in path.read_text()
    data = (write_instances if masks else write_devkit)(folder / "data")
    weights = write_weights(folder / "net.pth", BACKBONES[backbone].timm_name)
    asked = Asked(
        str(path), data, init=str(weights), backbone=backbone, iterations=2, out=folder / "run",
        overrides=SMALL, device="cpu",
    )
    return follow(PAPERS["detect"], asked, reporter=Silent()).report


@pytest.mark.parametrize("name", CHEAP)
def test_two_steps_and_figures_with_a_small_backbone(name: str, tmp_path: Path) -> None:
    path = catalog.find("transfers", name)
    report = _trained(path, "resnet18", tmp_path)
    assert ("coco_masks" in report) == ("coco" in name)


@pytest.mark.slow
@pytest.mark.parametrize("path", [one for one in FILES if 'task = "detect"' in one.read_text()],
                         ids=lambda path: path.stem)  # fmt: skip
def test_two_steps_and_figures_as_it_is(path: Path, tmp_path: Path) -> None:
    named = find_transfer(str(path))
    assert named is not None
    report = _trained(path, load_transfer(named).backbone.name, tmp_path)
    assert report["task"] == "detect"


def test_masks_need_a_set_with_masks(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "net.pth")
    with pytest.raises(UserError, match="must have a mask of every object for s3l-coco-fpn"):
        follow(PAPERS["detect"],
            Asked("s3l-coco-fpn", write_devkit(tmp_path / "voc"), init=str(weights),
                  backbone="resnet18", out=tmp_path / "run", device="cpu"),
            reporter=Silent(),
        )  # fmt: skip
    assert not (tmp_path / "run").exists()
