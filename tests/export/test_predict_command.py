"""`edgessl predict` and `eval` give the same answers through every exported file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from small_network import CLASSES, Case, write_checkpoint
from typer.testing import CliRunner

from edgessl.artifact.opened import NEEDS_TORCH
from edgessl.errors import UserError
from edgessl.pipeline.score.evaluate import evaluate_model


def answers(app: typer.Typer, model: Path, image: Path, *options: str) -> dict[str, float]:
    result = CliRunner().invoke(app, ["predict", str(model), str(image), "--json", *options])
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


def test_a_broken_image_costs_no_other_its_answer(
    case: Case, app: typer.Typer, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number, image in enumerate(sorted(case.data.rglob("*.png"))[:3]):
        shutil.copy(image, folder / f"{number}.png")
    (folder / "0.png").write_bytes((folder / "0.png").read_bytes()[:90])
    onnx = case.files["model.onnx"].path
    for asked in (sorted(map(str, folder.iterdir())), [str(folder)]):
        for model in (case.ckpt, onnx):
            done = CliRunner().invoke(app, ["predict", str(model), *asked])
            lines = done.stdout.splitlines()
            assert [line.partition(": ")[0] for line in lines] == [
                str(folder / "1.png"), str(folder / "2.png"),
            ]  # fmt: skip
            assert getattr(done.exception, "exit_code", None) == 2
            assert str(done.exception).startswith(f"{folder / '0.png'}: must be an image, got: ")
    done = CliRunner().invoke(app, ["predict", str(onnx), str(folder), "--json"])
    document = json.loads(done.stdout)
    assert len(document["predictions"]) == 2
    (error,) = document["errors"]
    assert (error["image"], error["fault"]) == (str(folder / "0.png"), "image")
    assert getattr(done.exception, "exit_code", None) == 2


def test_a_folder_without_images_is_said(case: Case, app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(app, ["predict", str(case.ckpt), str(tmp_path / "empty")])
    assert getattr(done.exception, "exit_code", None) == 2
    assert "empty: must hold images, found none" in str(done.exception)


def test_every_file_of_the_bundle_scores_what_its_accuracy_gate_said(case: Case) -> None:
    for name, file in case.files.items():
        evaluated = evaluate_model(file.path, str(case.data), "top1")
        gate = next(gate for gate in file.gates if gate.name == "accuracy")
        assert evaluated.evaluation.score.to_dict() == gate.numbers["top1"], name


def test_a_single_file_of_the_bundle_works_elsewhere(
    case: Case, app: typer.Typer, tmp_path: Path
) -> None:
    image = next(case.data.rglob("*.png"))
    for name, file in case.files.items():
        alone = tmp_path / f"renamed{file.path.suffix}"
        shutil.copy(file.path, alone)
        options = ["--trust"] if file.format in NEEDS_TORCH else []  # no manifest is beside it
        assert answers(app, alone, image, *options) == answers(app, file.path, image), name


def test_real_photographs_get_the_same_answer_through_every_file(
    case: Case, app: typer.Typer, real_images: Path
) -> None:
    for image in sorted((real_images / "clothing10" / "test").rglob("*.jpg"))[::400]:
        expected = answers(app, case.ckpt, image)
        for name, file in case.files.items():
            found = answers(app, file.path, image)
            assert next(iter(found)) == next(iter(expected)), name
            assert found == pytest.approx(expected, abs=0.01), name


def test_the_device_is_for_checkpoints(case: Case) -> None:
    assert evaluate_model(case.ckpt, str(case.data), "top1", device="auto").evaluation.score.n == 9
    path = case.files["model.onnx"].path
    assert evaluate_model(path, str(case.data), "top1", device="auto").evaluation.score.n == 9
    with pytest.raises(UserError, match="--device: must be cpu for an exported file, got 'cuda'"):
        evaluate_model(path, str(case.data), "top1", device="cuda")
    with pytest.raises(UserError, match="--device: must be one of auto, cpu, cuda, mps, got 'gpu'"):
        evaluate_model(case.ckpt, str(case.data), "top1", device="gpu")
