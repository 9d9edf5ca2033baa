"""The gates of an int8 file stop one whose answers are wrong, with or without labelled images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from int8_network import CLASSES, PREPROCESS, Images, graph_of, tinted_textures
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image
from torch import nn

from edgessl.artifact import Metadata
from edgessl.export.formats.front import attach_front
from edgessl.export.formats.products import save_onnx
from edgessl.export.gates.accuracy import HeldOut
from edgessl.export.gates.gate import Gate
from edgessl.export.int8.check_answers import check_answers_lost, check_cosine_lost
from edgessl.export.int8.images import Chosen
from edgessl.export.int8.make import Int8
from edgessl.export.int8.quantise import Scheme, prepare, quantise
from edgessl.export.int8.ranges import measure_extremes, widest
from edgessl.export.int8.search import Found, Judge, Tried, open_model
from edgessl.export.target import read_target

SCHEME = Scheme("uint8", per_channel=True, scope="all")
CHOSEN = Chosen("train", (), None, (), 0)


def small_classifier(images: Images) -> nn.Module:
    """Two random convolutions, and a classifier of their means by least squares."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=4, padding=1), nn.ReLU6(), nn.Conv2d(16, 32, 1), nn.ReLU6(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        ).eval()  # fmt: skip
        last = nn.Linear(32, CLASSES)
    with torch.no_grad():
        features = body(torch.from_numpy(images.normalised))
        wanted = 5 * torch.eye(CLASSES)[torch.from_numpy(images.labels)]
        gram = features.T @ features + 1e-2 * torch.eye(32)
        last.weight.copy_(torch.linalg.solve(gram, features.T @ wanted).T)
        last.bias.zero_()
    return nn.Sequential(body, last).eval()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Int8:
    """A sound int8 classifier of tinted textures, with 32 images without labels to test it on."""
    images, seen = tinted_textures(0, 48), tinted_textures(1000, 32)
    network = small_classifier(images)
    graph = graph_of(network)
    prepared = prepare(graph)
    extremes = measure_extremes(prepared, [images.normalised])
    model = quantise(prepared, SCHEME, widest(extremes))
    expected = open_model(graph)(seen.normalised)
    judge = Judge(
        "agreement", seen.pixels, seen.labels, PREPROCESS.normalise, expected, "training images"
    )
    marks = judge.marks(judge.run(open_model(model)))
    folder = tmp_path_factory.mktemp("images")
    for number, pixels in enumerate(seen.pixels):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{number:02}.png")

    def reference(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = network(torch.from_numpy(batch)).numpy()
        return output

    return Int8(
        Found(Tried(SCHEME, model, marks, 0.0, 0.0), (), None, None),
        prepared, CHOSEN, extremes, CHOSEN, judge, reference=reference, preprocess=PREPROCESS,
        test=HeldOut(tuple(sorted(folder.iterdir())), missing="no labels"), classifies=True,
        max_drop_percent=read_target("cpu").int8_max_drop_percent,
    )


def negated(model: Any) -> Any:
    """The weights of the last convolution times -1: as many levels, other answers."""
    broken = onnx.ModelProto()
    broken.CopyFrom(model)
    weight = [t for t in broken.graph.initializer if len(t.dims) == 4][-1]
    values = numpy_helper.to_array(weight)
    assert values.dtype == np.int8
    weight.CopyFrom(numpy_helper.from_array(-values, weight.name))
    return broken


def saved(model: Any, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(model, str(path))
    return path


def failed(gates: tuple[Gate, ...]) -> list[str]:
    return [gate.name for gate in gates if gate.status == "fail"]


def test_a_sound_file_passes(made: Int8, tmp_path: Path) -> None:
    assert failed(made.gates(saved(made.found.best.model, tmp_path))) == []


def test_without_labels_changed_answers_are_stopped(made: Int8, tmp_path: Path) -> None:
    gates = made.gates(saved(negated(made.found.best.model), tmp_path))
    assert failed(gates) == ["int8 agreement"]
    gate = next(gate for gate in gates if gate.name == "int8 agreement")
    assert gate.numbers["agreement_percent"] < 50
    assert "pass --data with labelled test images" in gate.finding


def test_a_scheme_that_lost_too_much_on_val_is_stopped(made: Int8, tmp_path: Path) -> None:
    path = saved(made.found.best.model, tmp_path)
    lossy = replace(made.found.best, marks=np.zeros(32))
    worse = replace(made, found=replace(made.found, best=lossy))
    assert failed(worse.gates(path)) == ["int8 loss"]


@pytest.mark.parametrize("head", ["logits", "features"])
def test_answers_behind_the_preprocessing_are_checked_as_well(
    made: Int8, head: str, tmp_path: Path
) -> None:
    classes = tuple("abcd") if head == "logits" else ()
    int8 = replace(made, classifies=bool(classes))
    metadata = Metadata(
        head, classes, PREPROCESS.to_dict(), 64, {}, takes="pixels", precision="int8"
    )

    def gates(model: Any) -> tuple[Gate, ...]:
        path = tmp_path / "e2e.onnx"
        save_onnx(attach_front(model, PREPROCESS), path, metadata)
        return int8.gates(path)

    assert failed(gates(made.found.best.model)) == []
    assert failed(gates(negated(made.found.best.model))) == ["int8 agreement"]


def _marks(right: int, of: int) -> NDArray[np.float64]:
    return np.repeat([1.0, 0.0], [right, of - right])


@pytest.mark.parametrize(
    ("lost", "of", "status"),
    [(1, 32, "pass"), (8, 32, "fail"), (2, 100, "pass"), (15, 1000, "pass"), (30, 1000, "fail")],
)
def test_a_loss_counts_where_chance_does_not_explain_it(lost: int, of: int, status: str) -> None:
    gate = check_answers_lost(_marks(of, of), _marks(of - lost, of), "", max_drop_percent=1.0)
    assert gate.status == status, gate.finding


def test_features_that_turned_away_on_val_fail() -> None:
    cosines = np.full(CLASSES, 0.98)
    assert check_cosine_lost(cosines, "", max_drop_percent=1.0).status == "fail"
    assert check_cosine_lost(cosines, "", max_drop_percent=3.0).status == "pass"
