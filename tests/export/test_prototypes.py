"""A file with prototypes is a classifier that a device adds classes to, from a few images."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from small_network import CLASSES, write_checkpoint, write_images

from edgessl.artifact import open_artifact
from edgessl.artifact.enrolled import NAME, with_enrolled
from edgessl.diagnose.subject import subject_of_file
from edgessl.errors import UserError
from edgessl.pipeline.export import export
from edgessl.pipeline.predict import predict_images
from edgessl.pipeline.score.evaluate import evaluate_model

NEW = "dog"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export for three classes, and images of a fourth one: black and white stripes."""
    root = tmp_path_factory.mktemp("prototypes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(root / "cache"))
        data = write_images(root / "data", CLASSES)
        ckpt = write_checkpoint(root / "ckpt.pt", CLASSES, str(data))
        assert export(ckpt, head="prototypes", formats=("onnx", "ort")).passed
    for split, count in (("few", 3), ("more", 4)):
        place = root / split / NEW
        place.mkdir(parents=True)
        for number in range(count):
            stripes = np.zeros((70, 90, 3), np.uint8)
            stripes[:, number :: 6 + number] = 255
            Image.fromarray(stripes).save(place / f"{split}{number}.png")
    return root


@pytest.fixture
def bundle(folder: Path) -> Path:
    """The same with nothing enrolled."""
    (folder / NAME).unlink(missing_ok=True)
    return folder


def run(bundle: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(bundle / "run.py"), *words], capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def enrol(bundle: Path, split: str = "few") -> None:
    images = sorted(str(path) for path in (bundle / split / NEW).iterdir())
    done = run(bundle, "--enrol", NEW, *images)
    assert done.returncode == 0, done.stderr


def test_the_file_gives_scores_and_features_of_length_one(bundle: Path) -> None:
    model = onnx.load(str(bundle / "model.onnx"))
    assert [value.name for value in model.graph.output] == ["scores", "features"]
    artifact = open_artifact(bundle / "model.onnx")
    images = np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype(np.float32)
    assert artifact.outputs is not None
    features = artifact.outputs(images)[1]
    assert np.linalg.norm(features, axis=1) == pytest.approx([1.0, 1.0], abs=1e-5)
    assert artifact.run(images).shape == (2, len(CLASSES))


def test_features_have_a_gate_of_their_own(bundle: Path) -> None:
    for name in ("model.onnx", "model.e2e.onnx", "model.batch1.onnx", "model.ort"):
        found = open_artifact(bundle / name).known().gates
        gates = {gate["name"]: gate["status"] for gate in found}
        assert gates["features"] == "pass"


def test_an_enrolled_class_is_known_to_run_py_predict_and_eval(bundle: Path) -> None:
    enrol(bundle)
    images = sorted((bundle / "more" / NEW).iterdir())
    lines = run(bundle, *map(str, images)).stdout.splitlines()
    assert all(f": {NEW} " in line for line in lines)
    found = predict_images(bundle / "model.onnx", images)["predictions"]
    assert [entry["classes"][0]["name"] for entry in found] == [NEW] * len(images)
    shown = float(lines[0].split(f"{NEW} ")[1].split(" %")[0])
    assert 100 * found[0]["classes"][0]["probability"] == pytest.approx(shown, abs=0.11)
    scored = evaluate_model(bundle / "model.e2e.onnx", str(bundle / "more"))
    assert scored.score.value == 100.0
    assert scored.classes == (*CLASSES, NEW)


def test_its_features_are_scored_and_diagnosed_as_those_of_any_file(bundle: Path) -> None:
    enrol(bundle)
    knn = evaluate_model(bundle / "model.onnx", str(bundle / "data"), "knn")
    assert (knn.score.n, knn.classes) == (len(knn.dataset.test), CLASSES)
    artifact = open_artifact(bundle / "model.onnx")
    subject = subject_of_file(artifact, "model.onnx", "model.onnx")
    assert artifact.outputs is not None
    pixels = np.zeros((2, 3, subject.side_px, subject.side_px), np.uint8)
    images = subject.preprocess.normalise(pixels)
    assert subject.outputs(pixels).numpy() == pytest.approx(artifact.outputs(images)[1])
    assert subject.gives == "features"
    assert "the features that it enrols classes with" in subject.notes[0]


def test_the_added_score_is_the_scaled_cosine_to_the_mean_of_the_images(bundle: Path) -> None:
    plain = open_artifact(bundle / "model.onnx")
    enrol(bundle)
    known = plain.known()
    assert known.prototypes is not None
    assert plain.outputs is not None
    images = np.random.default_rng(1).standard_normal((2, 3, 64, 64)).astype(np.float32)
    total = np.array(json.loads((bundle / NAME).read_text())["classes"][0]["sum"])
    scale, resultant = known.prototypes["scale"], known.prototypes["resultant"]
    gain = ((3 * resultant**2 + 1 - resultant**2) / (3 * resultant**2)) ** 0.25
    expected = scale * gain * plain.outputs(images)[1] @ total / np.linalg.norm(total)
    scores = with_enrolled(plain)[0].run(images)
    np.testing.assert_allclose(scores[:, -1], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(scores[:, :-1], plain.run(images), rtol=1e-5, atol=1e-5)


def test_more_images_are_added_to_a_class_and_it_can_be_forgotten(bundle: Path) -> None:
    enrol(bundle)
    enrol(bundle, "more")
    assert [entry["images"] for entry in json.loads((bundle / NAME).read_text())["classes"]] == [7]
    assert run(bundle, "--forget", NEW).returncode == 0
    assert with_enrolled(open_artifact(bundle / "model.onnx"))[1] is None


def test_the_self_test_passes_with_a_class_added(bundle: Path) -> None:
    enrol(bundle)
    done = run(bundle, "--selftest")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--enrol", "ant", "IMAGE"), "which the model was trained on"),
        (("--enrol", "new"), "at least one image"),
        (("--enrol", " ", "IMAGE"), "printable name"),
        (("--enrol", "new", "missing.png"), "missing.png: must be an image"),
        (("--forget", "cow"), "must be a class that was added"),
        (("--forget", "cow", "--enrol", "cow", "IMAGE"), "must come without --enrol"),
    ],
)
def test_what_means_nothing_is_refused(bundle: Path, words: tuple[str, ...], said: str) -> None:
    image = str(next((bundle / "few" / NEW).iterdir()))
    done = run(bundle, *(image if word == "IMAGE" else word for word in words))
    assert done.returncode == 2
    assert said in done.stderr
    assert not (bundle / NAME).exists()


@pytest.mark.parametrize("text", [
    "", "{", "[]", '{"schema": 2, "space": "x", "classes": []}',
    '{"schema": 1, "space": "x", "classes": []}',
    '{"schema": 1, "space": "SPACE", "classes": [{"name": "dog", "images": 1, "sum": [1.0]}]}',
    '{"schema": 1, "space": "SPACE", "classes": [{"name": "dog", "images": 0, "sum": []}]}',
])  # fmt: skip
def test_damaged_classes_are_refused_by_run_py_and_edgessl(bundle: Path, text: str) -> None:
    artifact = open_artifact(bundle / "model.onnx")
    known = artifact.known()
    assert known.prototypes is not None
    (bundle / NAME).write_text(text.replace("SPACE", known.prototypes["space"]))
    with pytest.raises(UserError, match=r"enrolled\.json: must hold"):
        with_enrolled(artifact)
    done = run(bundle, str(next((bundle / "few" / NEW).iterdir())))
    assert done.returncode == 2
    assert "enrolled.json: must hold" in done.stderr


def test_formats_without_a_second_output_are_refused(folder: Path) -> None:
    for kind in ("torchscript", "pt2", "int8"):
        with pytest.raises(UserError, match=f"--{kind}: must be onnx or ort"):
            export(folder / "ckpt.pt", head="prototypes", formats=("onnx", kind))


def test_features_alone_have_no_classes_to_add_to(tmp_path: Path) -> None:
    ckpt = write_checkpoint(tmp_path / "ckpt.pt", (), None)
    with pytest.raises(UserError, match="has no classifier"):
        export(ckpt, head="prototypes")
