"""Each gate fails on exactly the fault it is there for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from small_network import Case

from edgessl.artifact import open_artifact
from edgessl.export.core import portable
from edgessl.export.gates.accuracy import check_accuracy
from edgessl.export.gates.parity import batches_of, check_parity, extreme_images
from edgessl.export.gates.structure import check_structure, leaked_paths

Array = NDArray[np.float32]
NOISE = extreme_images(8)


def means(images: Array) -> Array:
    """Stand for a network of three classes."""
    return images.mean(axis=(2, 3))


def parity(candidate, reference=means, classifies=True):  # type: ignore[no-untyped-def]
    return check_parity(
        "parity", reference, candidate, NOISE, atol=1e-4, rtol=1e-4, classifies=classifies
    )


def test_parity_takes_batches_of_1_2_and_5() -> None:
    assert [len(batch) for batch in batches_of(NOISE)] == [1, 2, 5]
    assert [len(batch) for batch in batches_of(NOISE[:3])] == [1, 2, 5]


def test_parity_passes_inside_the_tolerance() -> None:
    assert parity(lambda images: means(images) + np.float32(5e-5)).status == "pass"


@pytest.mark.parametrize("shift", [3e-4, np.nan, np.inf])
def test_parity_fails_outside_the_tolerance(shift: float) -> None:
    gate = parity(lambda images: means(images) + np.float32(shift), classifies=False)
    assert gate.status == "fail"


def test_parity_fails_where_only_the_answer_to_a_small_input_is_wrong() -> None:
    def loud(images: Array) -> Array:
        return 1000 * images.max(axis=(2, 3))

    def wrong(images: Array) -> Array:
        small = np.abs(images).max(axis=(1, 2, 3)) < 0.01  # zeros, and one level of 255
        return np.asarray(loud(images) + 0.01 * small[:, None], np.float32)

    assert parity(loud, loud).status == "pass"
    assert parity(wrong, loud, classifies=False).status == "fail"


def test_parity_fails_where_only_the_last_batch_is_wrong() -> None:
    gate = parity(lambda images: means(images) * np.float32(1 + (len(images) == 5)))
    assert gate.status == "fail"


def test_parity_fails_where_a_batch_size_does_not_run() -> None:
    def fixed(images: Array) -> Array:
        if len(images) != 2:
            raise RuntimeError("the batch is 2")
        return means(images)

    gate = parity(fixed)
    assert (gate.status, gate.finding) == ("fail", "a batch of 1 does not run: the batch is 2")


def test_a_tie_may_go_either_way() -> None:
    def tied(images: Array) -> Array:
        return np.tile(np.array([1.0, 1.00001, 0.0], np.float32), (len(images), 1))

    swapped = np.array([1.00001, 1.0, 0.0], np.float32)
    assert parity(lambda images: np.tile(swapped, (len(images), 1)), tied).status == "pass"


def test_a_perturbed_weight_fails_parity(case: Case, tmp_path: Path) -> None:
    good = case.files["model.onnx"].path
    model = onnx.load(str(good))
    weight = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    values = onnx.numpy_helper.to_array(weight) * np.float32(1.05)
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    onnx.save(model, str(tmp_path / "bad.onnx"))
    bad = open_artifact(tmp_path / "bad.onnx")
    gate = check_parity(
        "parity", open_artifact(good).run, bad.run, extreme_images(64),
        atol=1e-4, rtol=1e-4, classifies=True,
    )
    assert gate.status == "fail"


def test_accuracy_fails_where_the_file_loses_more_than_allowed() -> None:
    labels = np.arange(200) % 3
    worse = labels.copy()
    worse[:2] += 1  # two of 200 images lost: one point
    same = check_accuracy(labels, labels, labels, max_drop_percent=0.5)
    bad = check_accuracy(labels, labels, worse, max_drop_percent=0.5)
    assert (same.status, same.numbers["top1"]["value"]) == ("pass", 100.0)
    assert (bad.status, bad.numbers["top1"]["value"]) == ("fail", 99.0)
    assert bad.numbers["checkpoint_top1"]["value"] == 100.0
    assert bad.numbers["difference"]["value"] == -1.0
    assert check_accuracy(labels, labels, worse, max_drop_percent=1.0).status == "pass"


def test_accuracy_says_where_too_few_images_prove_nothing() -> None:
    labels = np.arange(9) % 3
    gate = check_accuracy(labels, labels, labels, max_drop_percent=0.5)
    assert gate.status == "pass"
    low = gate.numbers["difference"]["low"]
    assert gate.finding.endswith(
        f"checkpoint: +0.0 points [{low:+.1f}, {-low:+.1f}] on 9 images, paired; with so few, a "
        f"loss up to {-low:.1f} cannot be ruled out"
    )


@pytest.mark.parametrize("opset", [18, 21])
def test_structure_fails_on_another_opset(case: Case, opset: int) -> None:
    gate = check_structure(case.files["model.onnx"].path, opset=opset, output="logits")
    assert (gate.status, "must use opset" in gate.finding) == ("fail", True)


def test_structure_fails_on_another_output_name(case: Case) -> None:
    gate = check_structure(case.files["model.onnx"].path, opset=20, output="probs")
    assert (gate.status, gate.finding) == ("fail", "must have 'probs' only, has logits")


@pytest.mark.parametrize("text", ["/home/ann/train.csv", "model.py", r"C:\Users\ann", "{cwd}/x"])
def test_structure_fails_on_a_path_inside(case: Case, tmp_path: Path, text: str) -> None:
    model = onnx.load(str(case.files["model.onnx"].path))
    model.graph.node[3].doc_string = text.format(cwd=Path.cwd())
    assert len(list(leaked_paths(model))) == 1
    onnx.save(model, str(tmp_path / "leaky.onnx"))
    gate = check_structure(tmp_path / "leaky.onnx", opset=20, output="logits")
    assert (gate.status, "a path of this machine" in gate.finding) == ("fail", True)


def test_structure_fails_on_weights_in_a_second_file(case: Case, tmp_path: Path) -> None:
    model = onnx.load(str(case.files["model.onnx"].path))
    onnx.save(model, str(tmp_path / "two.onnx"), save_as_external_data=True, location="two.data")
    gate = check_structure(tmp_path / "two.onnx", opset=20, output="logits")
    assert (gate.status, "are in another file" in gate.finding) == ("fail", True)


def test_portable_provenance_keeps_names_and_drops_folders() -> None:
    values = {"data": "/mnt/sets/pets", "n": 3, "deep": [{"file": r"D:\x\ckpt.pt"}], "name": "a/b"}
    assert portable(values) == {
        "data": "pets", "n": 3, "deep": [{"file": "ckpt.pt"}], "name": "a/b",
    }
