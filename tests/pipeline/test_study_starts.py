"""Rows of a study that start from weights that are brought, or from random ones, and their scores.

On a network so small that a run takes a second.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pipeline.test_multilabel_run import write_cells
from pipeline.tiny_run import ENGINE, NETWORK, write_images, write_recipe

from edgessl.backbones import Backbone
from edgessl.errors import UserError
from edgessl.pipeline.study.asked import Counting, prepare_study
from edgessl.pipeline.study.row_job import job_of
from edgessl.pipeline.study.study import plan_study, study
from edgessl.pipeline.study.wanted import Wanted
from edgessl.report.study.outcome import Outcome
from edgessl.report.study.result import StudyResult
from edgessl.reporter import Silent

STUDY = """
title = "Where rows start"
place = "Table 6"
data = "Ours"
rows = [
  {{ name = "at random", recipe = "{recipe}", score = "knn" }},
  {{ name = "from weights", recipe = "{recipe}", init = "distilled", score = "knn" }},
  {{ name = "weights", recipe = "{recipe}", start = "distilled", score = "best_nn" }},
  {{ name = "probe", recipe = "{recipe}", start = "distilled", score = "linear" }},
  {{ name = "scratch", recipe = "{recipe}", start = "none" }},
  {{ name = "mAP", recipe = "{recipe}", start = "none", data = "Tags", score = "finetune_map" }},
  {{ name = "top-1", recipe = "{recipe}", start = "none", score = "finetune_map" }},
  {{ name = "maps", recipe = "{recipe}", data = "Birds", {maps} }},
  {{ name = "one cell", recipe = "{recipe}", start = "none", data = "Birds", score = "gt_known" }},
  {{ name = "no boxes", recipe = "{recipe}", {maps} }},
]

[weights]
distilled = "a network that a larger one taught"
"""
SIZES = '["image.crop_px=64", "image.resize_px=64", "finetune.view.size_px=64"]'
MAPS = f'set = {SIZES}, start = "none", score = "gt_known"'
"""Large enough for a last stage of more than one cell."""


def write_birds(root: Path, count: int = 18) -> Path:
    """Write CUB-200's layout: a bright square on noise, and its box."""
    draw = np.random.default_rng(0)
    names = [f"{1 + n % 2:03d}.Bird_{n % 2}/{n}.png" for n in range(count)]
    boxes = []
    for n, name in enumerate(names):
        pixels = draw.integers(0, 90, (40, 40, 3), dtype=np.uint8)
        left, top = (int(one) for one in draw.integers(2, 14, 2))
        pixels[top : top + 22, left : left + 22, n % 2] += 140
        (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / "images" / name)
        boxes.append(f"{n + 1} {left}.0 {top}.0 22.0 22.0")
    tables = {
        "images": [f"{n + 1} {name}" for n, name in enumerate(names)],
        "classes": ["1 001.Bird_0", "2 002.Bird_1"],
        "image_class_labels": [f"{n + 1} {1 + n % 2}" for n in range(count)],
        "train_test_split": [f"{n + 1} {int(n < count * 2 // 3)}" for n in range(count)],
        "bounding_boxes": boxes,
    }
    for table, lines in tables.items():
        (root / f"{table}.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Wanted:
    root = tmp_path_factory.mktemp("starts")
    file = root / "mine.toml"
    file.write_text(STUDY.format(recipe=write_recipe(root), maps=MAPS), encoding="utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(Backbone(NETWORK, "keep", 32).net.state_dict(), root / "seed.pth")
    data = (
        f"Ours={write_images(root / 'photos')}", f"Tags={write_cells(root / 'cells')}",
        f"Birds={write_birds(root / 'birds')}",
    )  # fmt: skip
    return Wanted(
        str(file), data, out=root / "out", device="cpu", weights=(f"distilled={root}/seed.pth",),
        overrides=(*ENGINE, "data.val_percent=0.0"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(asked: Wanted) -> StudyResult:
    return study(asked, Silent())


def by_name(found: StudyResult) -> dict[str, Outcome]:
    return {one.name: one for one in found.outcomes}


def test_every_row_has_its_number(found: StudyResult) -> None:
    rows = by_name(found)
    assert "must have boxes of objects for gt_known" in rows.pop("no boxes").why
    assert "got one at 32 px, whose map is the same everywhere" in rows.pop("one cell").why
    assert {name: one.why for name, one in rows.items() if one.value is None} == {}
    assert rows["maps"].n == 6  # test images
    assert rows["mAP"].n is not None


def test_a_row_from_weights_is_another_run(found: StudyResult) -> None:
    rows = by_name(found)
    assert rows["at random"].run != rows["from weights"].run
    assert rows["weights"].run == ""  # nothing was trained


def test_one_label_an_image_is_scored_by_top1_and_the_page_says_so(found: StudyResult) -> None:
    rows = by_name(found)
    assert rows["top-1"].value == rows["scratch"].value
    assert any("top-1 stands in place of mAP" in note for note in found.notes)


def test_weights_that_are_not_given_are_told_by_name(asked: Wanted, tmp_path: Path) -> None:
    without = Wanted(
        asked.name, asked.data, out=tmp_path, device="cpu", overrides=asked.overrides
    )
    planned = plan_study(without, Silent())
    refused = dict(planned.refused)
    assert refused.keys() == {"from weights", "weights", "probe"}
    assert "needs a network that a larger one taught" in refused["from weights"]
    assert "pass --weights distilled=FILE" in refused["weights"]


def test_optional_weights_that_are_not_given_are_random_ones(asked: Wanted, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    table = Path(asked.name).read_text(encoding="utf-8").replace(
        'data = "Ours"\n', 'data = "Ours"\nweights_optional = true\n', 1
    )  # fmt: skip
    file.write_text(table, encoding="utf-8")
    without = Wanted(
        str(file), asked.data, out=tmp_path / "out", device="cpu", overrides=asked.overrides
    )
    found, prepared, _ = prepare_study(without)
    jobs = {
        row.name: job_of(row, found, prepared, Counting(Silent()))
        for row in found.rows if row.name in ("at random", "from weights")
    }  # fmt: skip
    assert jobs["at random"].pretraining == jobs["from weights"].pretraining


def test_weights_that_the_study_does_not_name_are_refused(asked: Wanted, tmp_path: Path) -> None:
    weights = ("destilled=x.pth", f"distilled={tmp_path}/none.pth")
    wrong = Wanted(asked.name, asked.data, out=tmp_path, weights=weights)
    with pytest.raises(UserError) as told:
        study(wrong, Silent())
    assert "did you mean distilled?" in str(told.value)
    assert "must name a file, found none" in str(told.value)
