"""``edgessl eval`` scores a checkpoint and an ONNX file alike, and refuses what does not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from colours import PREPROCESS, write_backbone, write_classifier, write_images, write_onnx
from typer.testing import CliRunner

from edgessl.backbones import Backbone, Classifier
from edgessl.cli.evaluate import evaluate
from edgessl.data.preprocess import decode_eval
from edgessl.errors import UserError
from edgessl.evaluate.network import open_network
from edgessl.pipeline.score.evaluate import evaluate_model


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in three colours: 8 train and 4 test images per class."""
    folder = tmp_path_factory.mktemp("colours")
    draw = np.random.default_rng(0)
    write_images(folder / "train", 8, draw)
    write_images(folder / "test", 4, draw)
    return folder


@pytest.fixture(autouse=True)
def private_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def run(arguments: list[str]) -> str:
    app = typer.Typer()
    app.command()(evaluate)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("protocol", ["knn", "linear", "top1"])
def test_every_protocol_scores_a_classifier(tmp_path: Path, images: Path, protocol: str) -> None:
    evaluated = evaluate_model(write_classifier(tmp_path), str(images), protocol)
    assert evaluated.evaluation.score.n == 12
    assert sum(map(sum, evaluated.confusion)) == 12
    if protocol != "top1":  # three colours are easy even for random features
        assert evaluated.evaluation.score.value > 60.0


def test_an_onnx_classifier_is_scored_with_its_own_labels_in_its_own_order(
    tmp_path: Path, images: Path
) -> None:
    path = write_onnx(tmp_path, "logits", ("blue", "green", "red"))
    assert evaluate_model(path, str(images), "top1").evaluation.score.value == 100.0
    swapped = write_onnx(tmp_path, "probs", ("red", "green", "blue"))
    evaluated = evaluate_model(swapped, str(images), "top1")
    assert evaluated.evaluation.score.value == pytest.approx(100 / 3)
    assert evaluated.classes == ("red", "green", "blue")
    assert evaluated.confusion == [[0, 0, 4], [0, 4, 0], [4, 0, 0]]


def test_onnx_features_go_into_the_knn(tmp_path: Path, images: Path) -> None:
    path = write_onnx(tmp_path, "features", ())
    assert evaluate_model(path, str(images), "knn").evaluation.score.value == 100.0


def test_a_classifier_may_know_more_classes_than_the_data(tmp_path: Path, images: Path) -> None:
    path = write_onnx(tmp_path, "logits", ("blue", "green", "red"))
    checkpoint_path = write_classifier(tmp_path, ("amber", "blue", "green", "red", "violet"))
    assert evaluate_model(path, str(images), "top1").evaluation.score.n == 12
    evaluated = evaluate_model(checkpoint_path, str(images), "top1")
    assert [sum(row) for row in evaluated.confusion] == [0, 4, 4, 4, 0]


def test_json_is_one_document_on_stdout(tmp_path: Path, images: Path) -> None:
    path = write_onnx(tmp_path, "logits", ("blue", "green", "red"))
    document = json.loads(run([str(path), "--data", str(images), "--protocol", "top1", "--json"]))
    assert document["score"]["value"] == 100.0
    assert set(document["score"]) == {"value", "low", "high", "n"}
    assert document["classes"] == ["blue", "green", "red"]
    assert document["confusion"] == [[4, 0, 0], [0, 4, 0], [0, 0, 4]]


def test_without_json_the_score_is_a_sentence(tmp_path: Path, images: Path) -> None:
    path = write_onnx(tmp_path, "logits", ("blue", "green", "red"))
    printed = run([str(path), "--data", str(images), "--protocol", "top1"])
    assert "top-1 of the classifier: 100.0 %, 95 % interval 75.8 to 100.0 %" in printed


@pytest.mark.parametrize(("protocol", "told"), [("top1", 0), ("linear", 1)])
def test_what_is_held_out_to_choose_on_is_told_only_where_something_is_chosen(
    tmp_path: Path, images: Path, protocol: str, told: int
) -> None:
    printed = run([
        str(write_classifier(tmp_path)), "--data", str(images), "--protocol", protocol,
    ])  # fmt: skip
    assert printed.count("held out by content as val") == told


def test_unknown_classes_are_refused_by_name(tmp_path: Path, images: Path) -> None:
    path = write_classifier(tmp_path, ("blue", "green", "rot"))
    with pytest.raises(UserError, match="got 1 unknown: 'red'"):
        evaluate_model(path, str(images), "top1")


def test_top1_of_a_backbone_is_refused(tmp_path: Path, images: Path) -> None:
    with pytest.raises(UserError, match="must be a classifier for --protocol top1"):
        evaluate_model(write_backbone(tmp_path), str(images), "top1")


def test_features_of_an_onnx_classifier_are_refused_with_the_way_out(
    tmp_path: Path, images: Path
) -> None:
    path = write_onnx(tmp_path, "logits", ("blue", "green", "red"))
    with pytest.raises(UserError, match="export it with --head features"):
        evaluate_model(path, str(images), "knn")


def test_an_unknown_protocol_is_refused_with_the_nearest_one(tmp_path: Path, images: Path) -> None:
    with pytest.raises(UserError, match=r"linear, top1, map, map11, got 'top2'; did you mean top1"):
        evaluate_model(write_classifier(tmp_path), str(images), "top2")


def test_unlabelled_images_are_refused(tmp_path: Path, images: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for index, file in enumerate(sorted(images.rglob("*.png"))):
        (flat / f"{index}.png").write_bytes(file.read_bytes())
    with pytest.raises(UserError, match="must have labelled test images"):
        evaluate_model(write_classifier(tmp_path), str(flat), "knn")


def test_checkpoint_outputs_equal_the_exported_arithmetic(tmp_path: Path, images: Path) -> None:
    path = write_classifier(tmp_path)
    files = sorted(images.rglob("*.png"))[:3]
    pixels = decode_eval(files, PREPROCESS)
    network = open_network(path, "logits")
    torch.manual_seed(0)
    module = Classifier(Backbone("mobilenetv2"), 3).eval()
    with torch.no_grad():
        expected = module(torch.from_numpy(PREPROCESS.normalise(pixels)))
    torch.testing.assert_close(network.outputs(files), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("exported", [False, True])
def test_a_test_image_replaced_in_mid_run_is_refused_by_name(
    tmp_path: Path, images: Path, exported: bool
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(images, folder)
    model = write_classifier(tmp_path)
    if exported:
        model = write_onnx(tmp_path, "logits", ("blue", "green", "red"))
    victim = folder / "test" / "red" / "1.png"

    def replace(line: str) -> None:
        if line.startswith("reading"):
            shutil.copy(folder / "train" / "red" / "0.png", victim)

    with pytest.raises(UserError) as caught:
        evaluate_model(model, str(folder), "top1", say=replace)
    assert str(caught.value) == (
        f"{victim}: must stay as it was when it was listed, got: its content is not what it was; "
        "start again"
    )
