"""`edgessl eval` scores what it is given, says which images those are, and which it has seen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from colours import COLOURS, write_backbone, write_classifier, write_images, write_onnx
from typer.testing import CliRunner

from edgessl.cli.evaluate import evaluate
from edgessl.data.load import load_dataset
from edgessl.errors import UserError
from edgessl.pipeline.score.evaluate import evaluate_model
from edgessl.runs import trained_on

ORDER = ("blue", "green", "red")


@pytest.fixture(autouse=True)
def private_cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """One that answers by the mean colour, and is right on all images here."""
    return write_onnx(tmp_path, "logits", ORDER)


def pictures(folder: Path, count: int, seed: int = 0) -> Path:
    return write_images(folder, count, np.random.default_rng(seed))


def shown(*arguments: object) -> str:
    app = typer.Typer()
    app.command()(evaluate)
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_class_folders_are_all_scored(tmp_path: Path, classifier: Path) -> None:
    data = pictures(tmp_path / "new", 5)
    printed = shown(classifier, "--data", data)
    assert "Scored: all images of new, 15." in printed
    assert "(15 images, 3 classes" in printed
    assert "held out" not in printed
    document = json.loads(shown(classifier, "--data", data, "--json"))
    assert document["score"]["n"] == document["images"]["scored"] == 15
    assert document["images"]["from"] == "all"


@pytest.mark.parametrize("name", ["test", "Testing", "val", "archive/test"])
def test_a_held_out_split_alone_is_scored(tmp_path: Path, classifier: Path, name: str) -> None:
    pictures(tmp_path / "set" / name, 3)
    found = evaluate_model(classifier, str(tmp_path / "set"))
    assert found.score.n == 9
    assert found.images.origin == ("val" if name == "val" else "test")


def test_rows_of_test_alone_are_scored(tmp_path: Path, classifier: Path) -> None:
    pictures(tmp_path / "set", 2)
    rows = [f"set/{name}/{i}.png,{name},test" for name in COLOURS for i in range(2)]
    (tmp_path / "rows.csv").write_text("path,label,split\n" + "\n".join(rows) + "\n")
    assert evaluate_model(classifier, str(tmp_path / "rows.csv")).score.n == 6


def test_a_folder_with_splits_has_its_test_scored_and_says_so(
    tmp_path: Path, classifier: Path
) -> None:
    for number, (name, count) in enumerate((("train", 4), ("val", 3), ("test", 2))):
        pictures(tmp_path / "set" / name, count, number)
    printed = shown(classifier, "--data", tmp_path / "set")
    assert "Scored: the 6 images of test in set; 12 of train and 9 of val are not." in printed
    shutil.rmtree(tmp_path / "set" / "test")
    assert "Scored: the 9 images of val in set; 12 of train" in shown(
        classifier, "--data", tmp_path / "set"
    )


def test_one_class_and_few_images_are_enough(tmp_path: Path, classifier: Path) -> None:
    data = pictures(tmp_path / "new", 2)
    for name in ("blue", "green"):
        shutil.rmtree(data / name)
    found = evaluate_model(classifier, str(data))
    assert (found.score.n, found.score.value) == (2, 100.0)
    assert found.warnings == ()


def test_files_that_cannot_be_used_are_named(tmp_path: Path, classifier: Path) -> None:
    data = pictures(tmp_path / "new", 10)
    (data / "red" / "0.png").write_bytes(b"\x89PNG cut")
    printed = shown(classifier, "--data", data)
    assert "1 file(s) cannot be used and are left out; the first: 0.png" in printed
    assert "Scored: all images of new, 29." in printed
    for i in range(1, 5):
        (data / "red" / f"{i}.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"at most 10 % of the images may be unusable, got 5 of 30"):
        evaluate_model(classifier, str(data))


@pytest.mark.parametrize("protocol", ["knn", "linear"])
def test_protocols_that_learn_say_from_what(tmp_path: Path, protocol: str) -> None:
    network = write_classifier(tmp_path)
    pictures(tmp_path / "set" / "train", 4, 0)
    pictures(tmp_path / "set" / "val", 3, 1)
    printed = shown(network, "--data", tmp_path / "set", "--protocol", protocol)
    told = f"{protocol} learns from the 12 training images of set and scores the 9 images of val."
    assert told in printed
    flat = pictures(tmp_path / "flat", 5)
    printed = shown(network, "--data", flat, "--protocol", protocol)
    assert "20 % of each class, 3 images, are held out by content" in printed
    assert "training images of flat" in printed


def test_protocols_that_learn_refuse_test_images_alone(tmp_path: Path) -> None:
    pictures(tmp_path / "set" / "test", 4)
    with pytest.raises(UserError) as caught:
        evaluate_model(write_backbone(tmp_path), str(tmp_path / "set"))
    assert caught.value.exit_code == 2
    assert "must hold training images for --protocol knn, found 12 of test alone" in str(
        caught.value
    )
    assert "pass a folder with train/ beside them" in str(caught.value)


def test_the_natural_protocol_is_chosen_and_named(tmp_path: Path, classifier: Path) -> None:
    data = pictures(tmp_path / "new", 5)
    assert shown(classifier, "--data", data).startswith(
        "Protocol top1, because this network is a classifier"
    )
    assert evaluate_model(write_classifier(tmp_path), str(data)).protocol == "top1"
    features = write_onnx(tmp_path, "features", ())
    for network in (features, write_backbone(tmp_path)):
        assert shown(network, "--data", data).startswith(
            "Protocol knn, because this network gives features and no classes"
        )
    assert "Protocol" not in shown(classifier, "--data", data, "--protocol", "top1")


def trained(folder: Path, data: Path) -> Path:
    """A classifier that says it comes from a run on these images."""
    provenance = {
        "data": str(data), "labels": None, "label_percent": None, "val_percent": 10.0, "seed": 0,
        "data_fingerprint": load_dataset(data).fingerprint,
    }  # fmt: skip
    return write_onnx(folder, "logits", ORDER, provenance)


def test_the_images_of_the_own_run_stay_split_as_it_split_them(tmp_path: Path) -> None:
    data = pictures(tmp_path / "mine", 10)
    network = trained(tmp_path, data)
    found = evaluate_model(network, str(data))
    assert found.score.n == len(load_dataset(data).test) == 6
    assert found.images.trained_on == 0
    assert "mine is what this network was trained on, split as its run split it" in found.notes[-1]


def test_training_images_are_found_by_content_under_any_name(tmp_path: Path) -> None:
    data = pictures(tmp_path / "mine", 10)
    network = trained(tmp_path, data)
    new = pictures(tmp_path / "new", 4, seed=7)
    for i, path in enumerate(load_dataset(data).train.paths[:5]):
        shutil.copy(path, new / path.parent.name / f"copied{i}.png")
    assert json.loads(shown(network, "--data", new, "--json"))["images"]["trained_on"] == 5
    assert "5 of the 17 images scored are training images of this network's run" in shown(
        network, "--data", new
    )


def test_a_run_folder_remembers_what_it_trained_on_when_its_images_are_gone(
    tmp_path: Path,
) -> None:
    data = pictures(tmp_path / "mine", 10)
    network, dataset = trained(tmp_path, data), load_dataset(data)
    new = pictures(tmp_path / "new", 4, seed=7)
    shutil.copy(dataset.train.paths[0], new / "red" / "copied.png")
    shutil.rmtree(data)
    assert "is not known" in shown(network, "--data", new)
    text = trained_on.to_text(dataset.fingerprint, dataset.everything.digests)
    (tmp_path / trained_on.NAME).write_text(text)
    assert evaluate_model(network, str(new)).images.trained_on == 1
    (tmp_path / trained_on.NAME).write_text(trained_on.to_text("another", ["0" * 40]))
    assert evaluate_model(network, str(new)).images.trained_on is None


def test_what_a_start_was_trained_on_is_read_from_beside_it(tmp_path: Path) -> None:
    digests = [f"{number:040x}" for number in (10**20, 10**24)]
    (tmp_path / trained_on.NAME).write_text(trained_on.to_text("data", digests))
    assert trained_on.of_start(tmp_path / "pretrained.pt") == trained_on.shorten(digests)
    (tmp_path / trained_on.NAME).write_text("data x\ncut")
    assert trained_on.of_start(tmp_path / "pretrained.pt") == frozenset()
    assert trained_on.of_start(tmp_path / "nowhere" / "pretrained.pt") == frozenset()


def test_the_majority_stands_beside_the_score(tmp_path: Path, classifier: Path) -> None:
    data = pictures(tmp_path / "new", 10)
    for i in range(2, 10):
        for name in ("blue", "green"):
            (data / name / f"{i}.png").unlink()
    good = json.loads(shown(classifier, "--data", data, "--json"))
    assert good["majority"] == {"class": "red", "value": pytest.approx(1000 / 14), "n": 14}
    assert "always answering 'red' gives 71.4 %" in shown(classifier, "--data", data)
    assert "frequent class there" not in shown(classifier, "--data", data)
    swapped = write_onnx(tmp_path, "probs", ("red", "green", "blue"))
    assert "That is below the 71.4 % of always answering 'red', the most frequent class" in shown(
        swapped, "--data", data
    )
