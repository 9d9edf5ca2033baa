"""--plan says what a detector or a segmenter would take, and --minutes settles its epochs once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dense.tiny_detector import RECIPE, SMALL
from typer.testing import CliRunner

from edgessl.cli import app
from edgessl.errors import UserError
from edgessl.pipeline.dense import lengths
from edgessl.pipeline.dense.plan import plan
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.recipe import FACTORY
from edgessl.pipeline.dense.story import follow
from edgessl.reporter import Silent


@pytest.fixture(autouse=True)
def _ten_images_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate is measured, which no test may depend on."""
    real = lengths.images_per_s

    def measured(work: object) -> float:
        assert real(work) > 0  # type: ignore[arg-type]
        return 10.0

    monkeypatch.setattr("edgessl.pipeline.dense.lengths.images_per_s", measured)
    monkeypatch.setattr("edgessl.pipeline.dense.plan.images_per_s", measured)


def asked(data: Path, out: Path, **more: object) -> Asked:
    settings = {"overrides": SMALL, "device": "cpu", **more}
    return Asked(RECIPE, data, out, **settings)  # type: ignore[arg-type]


def test_a_plan_counts_and_writes_nothing(data: Path, tmp_path: Path) -> None:
    found = plan(asked(data, tmp_path / "run"), Silent())
    assert (found.images, found.input_px, found.epochs, found.steps) == (12, 64, 3, 9)
    # 3 epochs of 12, and 3 looks at 6 of val and one at 6 of test, each 0.4 of a training image
    assert found.minutes == pytest.approx((36 + 0.4 * (100 / 34 * 6 + 6)) / 10 / 60, abs=0.05)
    assert not (tmp_path / "run").exists()


def test_minutes_settle_the_epochs_once(data: Path, tmp_path: Path) -> None:
    def epochs() -> int:
        return int(json.loads((tmp_path / "report.json").read_text())["recipe"]["train"]["epochs"])

    follow(FACTORY, asked(data, tmp_path, minutes=0.04), reporter=Silent())  # 24 images' worth
    assert epochs() == 1
    follow(FACTORY, asked(data, tmp_path, minutes=5.0), reporter=Silent())
    assert epochs() == 1


def test_too_little_time_says_how_much_it_takes(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must leave time for an epoch on 12 images"):
        follow(FACTORY, asked(data, tmp_path / "run", minutes=0.001), reporter=Silent())
    assert not (tmp_path / "run" / "run.json").exists()


def test_the_command_plans(data: Path, tmp_path: Path) -> None:
    changes = [word for change in SMALL for word in ("--set", change)]
    done = CliRunner().invoke(
        app,
        ["recipe", RECIPE, "--data", str(data), "--out", str(tmp_path / "run"), "--plan",
         "--device", "cpu", *changes],
        catch_exceptions=False,
    )  # fmt: skip
    assert "images      12 for training, 64 px" in done.output
    assert "steps       9 (3 epochs, batch 4)" in done.output
