"""Images of more than 8 bits, from training to prediction: their range goes with the network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deep_files import save_png16, shapes
from PIL import Image
from pipeline.stories import run_recipe
from pipeline.tiny_run import Listener, request, write_recipe

from edgessl import checkpoint
from edgessl.data.reading import Reading
from edgessl.errors import UserError
from edgessl.pipeline.predict import predict_images
from edgessl.pipeline.score.evaluate import evaluate

RANGE = {"integers": [0.0, 4095.0]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run in ``run/`` on images of 12 bits in files of 16, of two classes."""
    root = tmp_path_factory.mktemp("deep")
    for number in range(12):
        for cls, top in (("bright", 4000), ("dark", 700)):
            values = shapes(number + top, top, (40, 44)).astype(np.uint16)
            save_png16(root / "images" / cls / f"{number}.png", values)
    write_recipe(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(root / "cache"))
        run_recipe(request(root / "tiny.toml", root / "images", root / "run"), Listener())
    return root


@pytest.fixture(autouse=True)
def _cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(place / "cache"))


def test_run_and_checkpoint_keep_the_range(place: Path) -> None:
    assert json.loads((place / "run/run.json").read_text())["provenance"]["value_range"] == RANGE
    for name in ("ckpt.pt", "pretrained.pt"):
        assert checkpoint.load(place / "run" / name)["preprocess"]["value_range"] == RANGE


def test_prediction_sees_a_file_as_the_training_set_was_seen(place: Path) -> None:
    """A dark file alone could pass for 10 bits; its 8-bit copy, scaled by hand, says the same."""
    deep = place / "images/dark/3.png"
    by_hand = place / "by-hand.png"
    values = np.asarray(Image.open(deep)).astype(np.float64)
    Image.fromarray(np.rint(values * (255.0 / 4095)).astype(np.uint8)).save(by_hand)
    found = predict_images(place / "run/ckpt.pt", [deep, by_hand])["predictions"]
    assert found[0]["classes"] == found[1]["classes"]


def test_evaluation_gives_the_score_of_the_run(place: Path) -> None:
    report = json.loads((place / "run/report.json").read_text())
    found = evaluate(place / "run/ckpt.pt", data=place / "images", protocol="knn")
    assert found.score.value == pytest.approx(report["scores"]["knn_top1"]["value"])


def test_other_images_are_seen_as_the_training_images_were(place: Path, tmp_path: Path) -> None:
    for number in range(10):
        for cls in ("bright", "dark"):
            values = shapes(number + ord(cls[0]), 900, (40, 44)).astype(np.uint16)
            save_png16(tmp_path / "new" / cls / f"{number}.png", values)
    found = evaluate(place / "run/ckpt.pt", data=tmp_path / "new", protocol="top1")
    assert any("as those of the network's training images: integers 0 to 4095" in note
               for note in found.notes)  # fmt: skip
    assert not any("judged over the set" in note for note in found.notes)


def test_another_reading_is_another_run(place: Path) -> None:
    again = replace(
        request(place / "tiny.toml", place / "images", place / "run"),
        reading=Reading(layout="flat"),
    )
    with pytest.raises(UserError, match=r"differs in .*layout \(auto before, flat now\)"):
        run_recipe(again, Listener())


def test_the_same_reading_goes_on_and_is_remembered(tmp_path: Path, place: Path) -> None:
    reading = Reading(layout="folders", splits="none")
    wanted = replace(
        request(place / "tiny.toml", place / "images", tmp_path / "run"), reading=reading
    )
    run_recipe(wanted, Listener())
    listener = Listener()
    run_recipe(wanted, listener)
    assert any("this run is done" in line for line in listener.sentences)
    payload = checkpoint.load(tmp_path / "run/ckpt.pt")
    assert Reading.from_dict(payload["provenance"]) == reading


def test_a_run_of_before_these_options_goes_on(tmp_path: Path, place: Path) -> None:
    wanted = request(place / "tiny.toml", place / "images", tmp_path / "run")
    run_recipe(wanted, Listener())
    document = json.loads((tmp_path / "run/run.json").read_text())
    for key in ("layout", "splits", "column"):
        del document["identity"][key]
    (tmp_path / "run/run.json").write_text(json.dumps(document))
    listener = Listener()
    run_recipe(wanted, listener)
    assert any("this run is done" in line for line in listener.sentences)
