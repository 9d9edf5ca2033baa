"""--plan says what a paper's detector or segmenter would take; --minutes settles its steps once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dense.transfer.tiny_sets import write_devkit
from dense.transfer.tiny_transfer import TINY, write_weights
from shared import made_once
from typer.testing import CliRunner

from edgessl.cli import app
from edgessl.errors import UserError
from edgessl.pipeline.dense import transfer_plan
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.story import follow
from edgessl.pipeline.dense.transfer import PAPERS
from edgessl.pipeline.dense.transfer_plan import plan_transfer
from edgessl.reporter import Silent

RECIPE = "s3l-voc07-fpn"


@pytest.fixture(autouse=True)
def _ten_images_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate is measured, which no test may depend on."""
    real = transfer_plan.images_per_s

    def measured(work: object) -> float:
        assert real(work) > 0  # type: ignore[arg-type]
        return 10.0

    monkeypatch.setattr("edgessl.pipeline.dense.transfer_plan.images_per_s", measured)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 images of VOC to train on and 4 to test on, and weights beside them."""

    def make(folder: Path) -> None:
        write_devkit(folder / "VOCdevkit")
        write_weights(folder / "net.pth", "mobilenetv3_small_100")

    return made_once(tmp_path_factory, "voc-to-plan", make)


def _asked(folder: Path, out: Path, **more: object) -> Asked:
    settings = {
        "init": str(folder / "net.pth"), "backbone": "mobilenetv3s", "device": "cpu",
        "overrides": (*TINY, "detector.precise_batchnorm_steps=2"), **more,
    }  # fmt: skip
    return Asked(RECIPE, folder / "VOCdevkit", out, **settings)  # type: ignore[arg-type]


def test_a_plan_counts_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    asked = _asked(folder, tmp_path / "run", iterations=300, baselines=("random",))
    found = plan_transfer("detect", asked, Silent())
    assert (found.images, found.test, found.iterations, found.batch_size) == (12, 4, 300, 2)
    assert found.passes == 50
    # Two trainings on 600 images at 10 a second; 4 scored and 4 measured on count as 3.2.
    assert found.minutes == pytest.approx(2 * 603.2 / 600, abs=0.05)
    assert not (tmp_path / "run").exists()


def test_random_weights_are_of_the_backbone_that_is_named(folder: Path, tmp_path: Path) -> None:
    asked = _asked(folder, tmp_path / "run", init="none")
    sizes = [plan_transfer("detect", replace(asked, backbone=name), Silent()).params
             for name in ("mobilenetv3s", "resnet18")]  # fmt: skip
    assert sizes[0] < sizes[1]


def test_minutes_become_steps_once(folder: Path, tmp_path: Path) -> None:
    asked = _asked(folder, tmp_path, minutes=(3.2 + 5) / 600)  # 5 images' worth beside scoring
    run = follow(PAPERS["detect"], asked, reporter=Silent())
    assert run.report["recipe"]["train"]["iterations"] == 2
    before = (tmp_path / "report.json").read_bytes()
    again = follow(PAPERS["detect"], _asked(folder, tmp_path, minutes=60.0), reporter=Silent())
    assert (again.path / "report.json").read_bytes() == before


def test_too_few_minutes_name_enough(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--minutes: must leave time for a step of 2 images"):
        follow(PAPERS["detect"], _asked(folder, tmp_path, minutes=0.001), reporter=Silent())


def test_the_command_prints_the_plan(folder: Path, tmp_path: Path) -> None:
    settings = [word for one in TINY for word in ("--set", one)]
    command = ["finetune", str(folder / "net.pth"), "--backbone", "mobilenetv3s", "--task",
               "detect", "--recipe", RECIPE, "--data", str(folder / "VOCdevkit"), "--out",
               str(tmp_path / "run"), "--plan", *settings]  # fmt: skip
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert "steps       24000 of 2 images, 4000 passes" in done.stdout
    assert not (tmp_path / "run").exists()
