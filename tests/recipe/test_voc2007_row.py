"""S3L's row of VOC2007 and Cole's of GLC20: the recipes' numbers, and runs on tiny copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import edgessl
from edgessl import checkpoint
from edgessl.backbones import Backbone, deployable_payload
from edgessl.data.official import CLASSES
from edgessl.data.preprocess import Preprocess
from edgessl.recipe import load_recipe

SMALL = (
    "backbone.name=timm:test_resnet", "engine.precision=fp32",
    "engine.memory_format=contiguous", "finetune.epochs=2", "finetune.batch_size=8",
)  # fmt: skip


def test_the_numbers_are_those_of_the_paper_and_its_script() -> None:
    recipe = load_recipe("s3l-resnet50-moco:voc2007")
    finetune = recipe.finetune
    assert (finetune.epochs, finetune.batch_size) == (60, 64)
    assert finetune.optim.weight_decay == (1e-5, 1e-5)
    assert (finetune.optim.lr, finetune.optim.curve) == (0.01, "cosine")
    assert finetune.freeze_batchnorm
    assert finetune.several_loss == "binary-cross-entropy"
    assert (finetune.mixup_alpha, recipe.data.val_percent) == (0.0, 0.0)


def test_the_rows_of_cole_are_linear_classifiers_on_frozen_features() -> None:
    recipe = load_recipe("cole-resnet50-simclr")
    assert recipe.finetune.trains == "classifier"
    assert recipe.finetune.several_loss == "binary-cross-entropy"


def write_backbone(path: Path) -> Path:
    torch.manual_seed(0)
    backbone = Backbone("timm:test_resnet", "keep", 32).eval()
    payload = deployable_payload(
        backbone, classes=(), preprocess=Preprocess(36, 32).to_dict(), provenance={}
    )
    checkpoint.save(path, payload)
    return path


def draw(path: Path, cat: bool, dog: bool, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 60, (40, 48, 3), dtype=np.uint8)
    pixels[:, :24, 0] += 150 * np.uint8(cat)
    pixels[:, 24:, 2] += 150 * np.uint8(dog)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.mark.slow  # last run 2026-11-27 on a CPU, with the next one: passed
def test_a_copy_of_voc2007_is_fine_tuned_on_trainval_and_scored_on_test(tmp_path: Path) -> None:
    base = tmp_path / "VOCdevkit" / "VOC2007"
    lists = base / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    rows: dict[tuple[str, str], list[str]] = {}
    for n in range(48):
        cat, dog = n % 2 == 0, n % 3 == 0
        draw(base / "JPEGImages" / f"{n:06d}.jpg", cat, dog, n)
        for name in CLASSES:
            shown = {"cat": cat, "dog": dog}.get(name, False)
            part = "trainval" if n < 32 else "test"
            rows.setdefault((name, part), []).append(f"{n:06d} {1 if shown else -1:2d}")
    for (name, part), found in rows.items():
        (lists / f"{name}_{part}.txt").write_text("\n".join(found) + "\n")
    run = edgessl.finetune(
        write_backbone(tmp_path / "backbone.pt"), data=tmp_path, out=tmp_path / "run", size=32,
        recipe="s3l-resnet50-moco:voc2007", overrides=SMALL, device="cpu", baselines=("none",),
    )  # fmt: skip
    assert run.scores["finetune_map"].n == 16
    assert run.report["data"]["counts"] == {"train": 32, "unlabeled": 0, "val": 0, "test": 16}
    assert "finetune_map_11_points" in run.report


@pytest.mark.slow
def test_a_table_as_of_glc20_is_scored_by_map(tmp_path: Path) -> None:
    lines = ["path,label,split"]
    for n in range(48):
        cover = [name for name, there in (("forest", n % 2 == 0), ("water", n % 3 == 0)) if there]
        draw(tmp_path / "patches" / f"{n}.jpg", "forest" in cover, "water" in cover, n)
        split = "train" if n < 32 else "test"
        lines.append(f"patches/{n}.jpg,{'|'.join(cover) or '|'},{split}")
    (tmp_path / "glc20.csv").write_text("\n".join(lines) + "\n")
    run = edgessl.finetune(
        write_backbone(tmp_path / "backbone.pt"), data=tmp_path / "glc20.csv",
        out=tmp_path / "run", size=32, recipe="cole-resnet50-simclr", overrides=SMALL,
        device="cpu", baselines=("none",),
    )  # fmt: skip
    assert run.report["data"]["classes"] == ["forest", "water"]
    assert {"finetune_map", "linear_map"} == set(run.scores)
