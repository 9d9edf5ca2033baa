"""The bundle says what it holds, proves itself, and overwrites nothing of anyone else."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults import blue_first_in_the_network, faulty
from PIL import Image
from small_network import CLASSES, PREPROCESS, Case, write_images

from edgessl.artifact import open_artifact
from edgessl.data.original import originals
from edgessl.errors import UserError
from edgessl.export.bundle.model_card import licence_of_data, licence_of_weights
from edgessl.export.bundle.vectors import make_vectors
from edgessl.export.bundle.write import WHAT, Origin, refuse_foreign_models, write_bundle
from edgessl.export.formats.products import NAMES
from edgessl.export.product import ExportedFile
from edgessl.pipeline import export as story
from edgessl.pipeline.export import export


def manifest(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return document


def model_of(case: Case, name: str, folder: Path) -> ExportedFile:
    """Copy an exported file to another folder."""
    file = case.files[name]
    shutil.copy(file.path, folder / name)
    return replace(file, path=folder / name)


def origin_of(case: Case, folder: Path) -> Origin:
    """The checkpoint that was copied to a folder, without any data."""
    run = open_artifact(case.files["model.onnx"].path).run
    return Origin(folder / "ckpt.pt", {"recipe": "some-recipe"}, run, (), 1e-4, 1e-4)


def test_the_manifest_lists_every_file_with_its_checksum(case: Case) -> None:
    folder = case.ckpt.parent
    document = manifest(folder)
    assert set(document["files"]) == {*WHAT, *case.files}
    for name, entry in document["files"].items():
        content = (folder / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["bytes"] == len(content)
        assert entry["what"]
    digest = hashlib.sha256(case.ckpt.read_bytes()).hexdigest()
    assert document["checkpoint"] == {"name": "ckpt.pt", "sha256": digest}
    assert {"edgessl", "torch", "onnxruntime"} <= set(document["versions"])


def test_labels_and_preprocessing_are_the_checkpoint_s(case: Case) -> None:
    folder = case.ckpt.parent
    assert (folder / "labels.txt").read_text().splitlines() == list(CLASSES)
    written = json.loads((folder / "preprocess.json").read_text())
    assert written.items() >= PREPROCESS.to_dict().items()


def test_test_vectors_are_test_images_of_several_shapes_with_the_checkpoint_s_answers(
    case: Case,
) -> None:
    path = case.ckpt.parent / "testvectors.npz"
    assert path.stat().st_size < 1_000_000
    with np.load(path, allow_pickle=False) as file:
        vectors = dict(file)
    about = json.loads(str(vectors["about"]))
    images = [vectors[f"image_{i}"] for i in range(about["images"])]
    assert len({image.shape for image in images}) == len(images) == 5
    assert about["source"].startswith("test images")
    for image, pixels in zip(images, vectors["pixels"], strict=True):
        np.testing.assert_array_equal(PREPROCESS.pixels(Image.fromarray(image)), pixels)
    run = open_artifact(case.files["model.onnx"].path).run
    got = run(PREPROCESS.normalise(vectors["pixels"]))
    np.testing.assert_allclose(got, vectors["outputs"], atol=1e-4)
    np.testing.assert_array_equal(vectors["outputs/model.onnx"], vectors["outputs"])
    assert "model.torchscript" not in about["models"]  # run.py cannot run it


def test_without_data_the_vectors_are_noise_and_say_so(tmp_path: Path) -> None:
    vectors = make_vectors((), PREPROCESS)
    assert vectors.source == "noise, for want of data"
    assert len({image.shape for image in vectors.images}) >= 4
    again = make_vectors((), PREPROCESS)
    for one, other in zip(vectors.images, again.images, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_card_tells_accuracy_with_interval_data_licences_and_no_path(case: Case) -> None:
    card = (case.ckpt.parent / "MODEL_CARD.md").read_text()
    accuracy = next(g for g in case.files["model.onnx"].gates if g.name == "accuracy")
    top1 = accuracy.numbers["top1"]
    row = next(line for line in card.splitlines() if line.startswith("| model.onnx"))
    assert f"{top1['value']:.1f} [{top1['low']:.1f}, {top1['high']:.1f}], n = {top1['n']}" in row
    assert "ant, bee, cat" in card
    assert "no LICENSE file lay beside the images" in card
    assert "python run.py --selftest" in card
    assert str(case.data.parent) not in card


def test_scores_of_the_run_go_into_the_card_with_their_intervals(tmp_path: Path,
                                                                 case: Case) -> None:
    shutil.copy(case.ckpt, tmp_path / "ckpt.pt")
    score = {"value": 81.25, "low": 70.5, "high": 88.25, "n": 64}
    report: dict[str, Any] = {
        "data": {"name": "bees", "counts": {"train": 40, "test": 64}, "classes": list(CLASSES)},
        "scores": {"linear_top1": score},
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    (tmp_path / "run.json").write_text(json.dumps({"identity": {"init": "timm:resnet18.a1_in1k"}}))
    write_bundle(tmp_path, [model_of(case, "model.onnx", tmp_path)], origin_of(case, tmp_path))
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert "linear probe of the pretrained features | 81.2 [70.5, 88.2], n = 64" in card
    assert "test images: 64" in card
    assert "recipe: some-recipe" in card
    assert "data: not known: the checkpoint names no data" in card
    assert "started from timm:resnet18.a1_in1k (licence: apache-2.0)" in card


def test_a_second_export_of_the_same_checkpoint_adds_to_the_bundle(tmp_path: Path,
                                                                   case: Case) -> None:
    shutil.copy(case.ckpt, tmp_path / "ckpt.pt")
    origin = origin_of(case, tmp_path)
    for name in ("model.onnx", "model.torchscript"):
        write_bundle(tmp_path, [model_of(case, name, tmp_path)], origin)
    assert {"model.onnx", "model.torchscript"} <= set(manifest(tmp_path)["files"])
    (tmp_path / "model.onnx").write_bytes(b"changed by someone")
    write_bundle(tmp_path, [model_of(case, "model.batch1.onnx", tmp_path)], origin)
    models = {name for name, entry in manifest(tmp_path)["files"].items() if "format" in entry}
    assert models == {"model.torchscript", "model.batch1.onnx"}


def test_models_of_another_checkpoint_leave_the_bundle(tmp_path: Path, case: Case) -> None:
    shutil.copy(case.ckpt, tmp_path / "ckpt.pt")
    write_bundle(tmp_path, [model_of(case, "model.onnx", tmp_path)], origin_of(case, tmp_path))
    with (tmp_path / "ckpt.pt").open("ab") as file:
        file.write(b"another")
    model = model_of(case, "model.torchscript", tmp_path)
    write_bundle(tmp_path, [model], origin_of(case, tmp_path))
    assert "model.onnx" not in manifest(tmp_path)["files"]


@pytest.mark.parametrize("name", ["run.py", "requirements.txt", "manifest.json"])
def test_files_of_someone_else_are_never_overwritten(
    tmp_path: Path, case: Case, name: str
) -> None:
    mine = tmp_path / name
    mine.write_text("mine")
    with pytest.raises(UserError, match=f"found other files named {name}; write it elsewhere"):
        export(case.ckpt, out=tmp_path)
    assert mine.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["model.onnx", "model.e2e.int8.onnx", "model.pt2"])
def test_a_model_of_someone_else_is_never_replaced(
    tmp_path: Path, case: Case, name: str
) -> None:
    (tmp_path / name).write_bytes(b"no model of edgessl's")
    with pytest.raises(UserError, match=f"found other files named {name}; write it elsewhere"):
        export(case.ckpt, formats=("onnx", "pt2", "int8"), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_model_that_edgessl_wrote_may_be_replaced_without_its_bundle(
    tmp_path: Path, case: Case
) -> None:
    model_of(case, "model.torchscript", tmp_path)
    refuse_foreign_models(tmp_path, ["model.torchscript", "model.onnx"])
    assert {name for names in NAMES.values() for name in names} >= set(case.files)


def spoiled(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Export again, where the only file there is fails a gate."""
    broken = faulty(case.products["model.onnx"], blue_first_in_the_network, "model.onnx")
    monkeypatch.setattr(story, "products_of", lambda *_: (broken,))
    (file,) = export(case.ckpt, out=folder).files
    assert not file.passed


def test_where_every_file_fails_nothing_speaks_of_the_one_that_is_gone(
    tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = replace(origin_of(case, tmp_path), checkpoint=case.ckpt)
    write_bundle(tmp_path, [model_of(case, "model.onnx", tmp_path)], origin)
    spoiled(case, tmp_path, monkeypatch)
    assert {path.name for path in tmp_path.iterdir()} == {"model.failed.onnx", "report.json"}


def test_where_every_file_fails_the_bundle_keeps_earlier_ones_that_are_still_there(
    tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = replace(origin_of(case, tmp_path), checkpoint=case.ckpt)
    models = [model_of(case, name, tmp_path) for name in ("model.onnx", "model.batch1.onnx")]
    write_bundle(tmp_path, models, origin)
    spoiled(case, tmp_path, monkeypatch)
    assert set(manifest(tmp_path)["files"]) == {*WHAT, "model.batch1.onnx"}
    assert "| model.onnx" not in (tmp_path / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Creative Commons Legal Code\n\nCC0 1.0 Universal", "CC0 1.0 (the LICENSE file"),
        ("Attribution-NonCommercial 4.0 International", "CC BY-NC (no commercial use)"),
        ("MIT License\n\nCopyright", "MIT (the LICENSE file"),
        ("Ask my boss.", "see its LICENSE file"),
    ],
)
def test_the_data_s_licence_is_read_from_the_file_beside_it(
    tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "LICENSE").write_text(text)
    assert licence_of_data(str(tmp_path)).startswith(expected)


def test_what_is_not_known_of_licences_is_said(tmp_path: Path) -> None:
    assert licence_of_data(str(tmp_path)).startswith("not known")
    assert licence_of_data(None).startswith("not known")
    assert licence_of_weights(None).startswith("not recorded")
    assert licence_of_weights("none").startswith("trained from random weights")
    assert "weights.pt" in licence_of_weights("/somewhere/weights.pt")
    assert "/somewhere" not in licence_of_weights("/somewhere/weights.pt")


def test_real_photographs_make_vectors_of_different_shapes_under_a_megabyte(
    real_images: Path,
) -> None:
    from edgessl.data.preprocess import Preprocess

    paths = sorted((real_images / "clothing10" / "test").rglob("*.jpg"))
    vectors = make_vectors(originals(paths), Preprocess(256, 224))
    assert len({image.shape for image in vectors.images}) == len(vectors.images) >= 3


def test_images_of_one_shape_are_cropped_to_several(tmp_path: Path) -> None:
    data = write_images(tmp_path / "data", CLASSES)
    vectors = make_vectors(originals(sorted(data.rglob("*.png"))), PREPROCESS)
    assert len({image.shape for image in vectors.images}) == 5
