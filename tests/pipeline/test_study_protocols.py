"""Rows of a study put their network under a paper's detector or segmenter, and share its run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dense.transfer.tiny_sets import write_cityscapes, write_devkit
from pipeline.tiny_run import ENGINE, write_images, write_recipe

from edgessl.errors import UserError
from edgessl.pipeline.study.asked import Asked, Counting
from edgessl.pipeline.study.job import Job
from edgessl.pipeline.study.plan import plan_study
from edgessl.pipeline.study.row_job import job_of
from edgessl.pipeline.study.sets import Sets
from edgessl.pipeline.study.study import study
from edgessl.pipeline.study.wanted import Wanted
from edgessl.recipe.scaled import Scale
from edgessl.recipe.study import load_study
from edgessl.reporter import Silent

STUDY = """
title = "Under a detector"
place = "Table 5"
data = "Ours"
rows = [
  {{ name = "random", column = "AP50", recipe = "{recipe}", start = "none", {voc} score = "voc_ap50" }},
  {{ name = "ours", column = "AP50", recipe = "{recipe}", {voc} score = "voc_ap50", paper = 70.3 }},
  {{ name = "ours", column = "AP", recipe = "{recipe}", {voc} score = "voc_ap" }},
  {{ name = "ours", column = "masks", recipe = "{recipe}", {voc} score = "coco_mask_ap" }},
  {{ name = "smaller", column = "AP50", recipe = "{recipe}", rescale = 0.5, {voc} score = "voc_ap50" }},
  {{ name = "ours", column = "mIoU", recipe = "{recipe}", protocol = "airl-cityscapes:fcn", transfer = "Streets", score = "miou" }},
]
"""  # noqa: E501
VOC = 'protocol = "s3l-voc07-fpn", transfer = "VOC07",'
SMALL = tuple(f"protocol.{one}" for one in (
    "image.train_px=[64]", "image.test_px=64", "train.batch_size=2", "detector.width=16",
    "detector.anchor_px=[[16],[32],[64],[128],[256]]", "detector.precise_batchnorm_steps=0",
    "detector.proposals_before=[60,60]", "detector.proposals_after=[40,10]", "segmenter.width=16",
    "segmenter.precise_batchnorm_steps=0",
))  # fmt: skip

def _write(root: Path) -> Wanted:
    file = root / "mine.toml"
    file.write_text(STUDY.format(recipe=write_recipe(root), voc=VOC), encoding="utf-8")
    sets = {"Ours": write_images(root / "photos"), "VOC07": write_devkit(root / "VOCdevkit"),
            "Streets": write_cityscapes(root / "cityscapes")}  # fmt: skip
    data = [f"{name}={folder}" for name, folder in sets.items()]
    return Wanted(
        str(file), data, scale=1e-4, scale_images=1.0, out=root / "out", device="cpu",
        overrides=(*ENGINE, "data.val_percent=0.0", *SMALL),
    )  # fmt: skip


def test_rows_are_scored_and_share_their_runs(tmp_path: Path) -> None:
    found = study(_write(tmp_path), Silent())
    told = {one.key: one for one in found.outcomes}
    assert told.pop("ours | masks").why.endswith(
        "Mask R-CNN for masks, and images with objects"
    )
    assert all(one.value is not None and not one.why for one in told.values())
    assert told["ours | AP50"].run == told["ours | AP"].run
    names = [path.name for path in (tmp_path / "out/runs").iterdir()]
    assert sum(name.endswith("-detect") for name in names) == 3
    assert sum(name.endswith("-segment") for name in names) == 1
    assert sum("-detect" not in name and "-segment" not in name for name in names) == 1
    page = (tmp_path / "out/study.html").read_text()
    assert "70.3" in page
    assert "by 11 points" in page
    assert "protocol.train.batch_size=2" in page
    run = json.loads((tmp_path / "out" / told["random | AP50"].run / "report.json").read_text())
    assert run["init"] == "none"


def test_a_plan_counts_them_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgessl.pipeline.dense.transfer_plan.images_per_s", lambda _work: 1.0)
    plan = plan_study(_write(tmp_path), Silent())
    assert (plan.transfers, plan.tunings, len(plan.pretrainings)) == (4, 0, 1)
    assert plan.minutes > 0
    assert not (tmp_path / "out").exists()


def _job(study: str, name: str, column: str, scale: Scale) -> Job:
    found = load_study(study)
    (row,) = [one for one in found.rows if (one.name, one.column) == (name, column)]
    asked = Asked(Sets("photos", {"VOC07": "voc07", "COCO 2017": "coco"}), scale)
    return job_of(row, found, asked, Counting(Silent()))


def test_norms_are_rescaled_before_the_detector_is_trained() -> None:
    job = _job("airl-table4", "Constant", "VOC07 AP50", Scale())
    assert job.under is not None
    assert job.rescaled is not None
    assert (job.rescaled.constant, job.under.recipe) == (0.1, "airl-voc07-c4")
    assert job.under.file == job.rescaled.file
    assert job.under.start == job.pretraining
    assert (job.under.data, job.under.iterations) == ("voc07", None)


def test_random_weights_need_no_pretraining() -> None:
    job = _job("s3l-table5", "random init.", "2x, AP box", Scale())
    assert job.under is not None
    assert (job.pretrainings, job.under.start) == ((), "none")
    assert (job.under.recipe, job.under.backbone) == ("s3l-coco-fpn:2x", "resnet50")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('protocol = "voc07-c4", transfer = "A"', "score must be one of coco_box_ap"),
        ('score = "miou"', "score must be one of coco_box_ap"),
        ('score = "miou", protocol = "cityscapes"', "transfer must name the set"),
        ('score = "miou", protocol = "cityscapes", transfer = "A", labels = 3',
         "labels must be left out with protocol"),
    ],
)  # fmt: skip
def test_mistakes_of_a_row_are_told(tmp_path: Path, row: str, told: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('title = "t"\nplace = "Table 1"\ndata = "A"\n'
                    f'rows = [{{ name = "one", recipe = "x", {row} }}]\n')  # fmt: skip
    with pytest.raises(UserError, match=told):
        load_study(str(file))


def test_a_protocol_of_another_paper_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'title = "t"\nplace = "Table 1"\ndata = "A"\nrows = [{ name = "one", recipe = '
        '"airl-resnet50-byol", protocol = "voc07-fpn", transfer = "A", score = "voc_ap50" }]\n'
    )
    found = load_study(str(file))
    with pytest.raises(UserError, match=r"protocol must be one of cityscapes.*, got 'voc07-fpn'"):
        job_of(found.rows[0], found, Asked(Sets("photos")), Counting(Silent()))
