"""``edgessl eval --protocol map`` scores images with several labels each, and only those."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.backbones import Backbone, deployable_payload
from edgessl.cli import app
from edgessl.data.official import CLASSES
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone, and a copy of VOC 2007: red on the left is a cat, blue on the right a dog."""
    root = tmp_path_factory.mktemp("tags")
    base = root / "VOCdevkit" / "VOC2007"
    (base / "JPEGImages").mkdir(parents=True)
    (base / "ImageSets" / "Main").mkdir(parents=True)
    draw = np.random.default_rng(0)
    marks: dict[tuple[str, str], list[str]] = {}
    for n in range(60):
        pixels = draw.integers(0, 60, (40, 48, 3), dtype=np.uint8)
        cat, dog = n % 2 == 0, n % 3 == 0
        if cat:
            pixels[:, :24, 0] = 220
        if dog:
            pixels[:, 24:, 2] = 220
        Image.fromarray(pixels).save(base / "JPEGImages" / f"{n:06d}.jpg")
        part = "trainval" if n < 40 else "test"
        for name in CLASSES:
            shown = {"cat": cat, "dog": dog}.get(name, False)
            marks.setdefault((name, part), []).append(f"{n:06d} {1 if shown else -1:2d}")
    for (name, part), rows in marks.items():
        (base / "ImageSets" / "Main" / f"{name}_{part}.txt").write_text("\n".join(rows) + "\n")
    torch.manual_seed(0)
    payload = deployable_payload(
        Backbone("resnet18", "keep", 32).eval(), classes=(),
        preprocess=Preprocess(36, 32).to_dict(), provenance={},
    )  # fmt: skip
    checkpoint.save(root / "backbone.pt", payload)
    return root


def _eval(place: Path, *more: str) -> str:
    result = CliRunner().invoke(
        app, ["eval", str(place / "backbone.pt"), "--data", str(place), *more]
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_each_class_and_the_mean_are_told(place: Path) -> None:
    document = json.loads(_eval(place, "--protocol", "map", "--json"))
    assert (document["protocol"], document["data"]) == ("map", "voc2007")
    assert document["classes"] == ["cat", "dog"]
    found = document["average_precision"]
    assert found["cat"] > 90.0  # half of the images show one
    assert found["dog"] > 70.0  # a third of them
    score = document["score"]
    assert score["value"] == pytest.approx((found["cat"] + found["dog"]) / 2, abs=0.01)
    assert score["low"] <= score["value"] <= score["high"]
    assert score["n"] == 20
    assert "mean average precision of linear classifiers" in _eval(place, "--protocol", "map")


def test_other_protocols_name_this_one(place: Path) -> None:
    with pytest.raises(UserError, match="found images with several; use --protocol map"):
        _eval(place, "--protocol", "knn")


def test_a_recipe_pretrains_and_fine_tunes_on_them(place: Path) -> None:
    result = CliRunner().invoke(
        app,
        ["recipe", "resnet18-simclr", "--data", str(place), "--device", "cpu", "--plan",
         "--set", "backbone.name=timm:test_resnet", "--set", "pretrain.batch_size=8"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "2 classes, several labels an image" in result.output
    assert "fine-tun" in result.output


def test_eleven_points_are_another_protocol(place: Path) -> None:
    document = json.loads(_eval(place, "--protocol", "map11", "--json"))
    assert (document["protocol"], document["scored"]) == ("map11", "features")


def test_images_with_one_label_are_refused(place: Path) -> None:
    with pytest.raises(UserError, match="must have images with several labels each"):
        CliRunner().invoke(
            app,
            ["eval", str(place / "backbone.pt"), "--data", "demo", "--protocol", "map"],
            catch_exceptions=False,
        )
