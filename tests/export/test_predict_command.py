"""`edgessl predict` names classes with probabilities, the same through every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from small_network import CLASSES, Case, write_checkpoint
from typer.testing import CliRunner


def answers(app: typer.Typer, model: Path, image: Path) -> dict[str, float]:
    result = CliRunner().invoke(app, ["predict", str(model), str(image), "--json"])
    assert result.exit_code == 0, result.exception
    (entry,) = json.loads(result.stdout)["predictions"]
    return {found["name"]: found["probability"] for found in entry["classes"]}


def test_checkpoint_and_files_agree(case: Case, app: typer.Typer) -> None:
    image = next(case.data.rglob("*.png"))
    expected = answers(app, case.ckpt, image)
    assert set(expected) == set(CLASSES)
    assert sum(expected.values()) == pytest.approx(1)
    assert list(expected.values()) == sorted(expected.values(), reverse=True)
    for file in case.files.values():
        # A pixel may differ by a level where the preprocessing is inside the file.
        allowed = 1e-2 if file.takes == "pixels" else 1e-4
        assert answers(app, file.path, image) == pytest.approx(expected, abs=allowed)


def test_features_are_described_and_not_classified(app: typer.Typer, case: Case,
                                                   tmp_path: Path) -> None:
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", (), None)
    result = CliRunner().invoke(app, ["predict", str(ckpt), str(next(case.data.rglob("*.png")))])
    assert result.exit_code == 0, result.exception
    assert "1280 features, norm" in result.stdout
    assert "gives features, no classes" in result.stdout


def test_every_bad_image_is_named_at_once(case: Case, app: typer.Typer, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    gone = tmp_path / "gone.png"
    result = CliRunner().invoke(app, ["predict", str(case.ckpt), str(text), str(gone)])
    assert getattr(result.exception, "exit_code", None) == 2
    lines = str(result.exception).splitlines()
    assert [line.split(": must be an image")[0] for line in lines] == [str(text), str(gone)]
