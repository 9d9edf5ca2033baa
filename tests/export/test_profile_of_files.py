"""`edgessl profile` counts the same network in every file it was exported to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_network import CLASSES, PREPROCESS, Case

from edgessl.errors import UserError
from edgessl.pipeline.profile import profile_subject

HEAD_MACS = 1280 * len(CLASSES)


def test_macs_are_the_backbone_s_and_the_classifier_s_in_every_file(case: Case) -> None:
    expected = profile_subject(str(case.ckpt))["macs"] + HEAD_MACS
    found = {name: profile_subject(str(file.path)) for name, file in case.files.items()}
    assert {name: entry["macs"] for name, entry in found.items()} == dict.fromkeys(found, expected)
    assert {entry["size_px"] for entry in found.values()} == {PREPROCESS.crop_px}
    assert {Path(name).suffix for name in found} >= {".onnx", ".torchscript", ".pt2", ".ort"}


def test_parameters_are_the_same_wherever_batch_norm_is_folded(case: Case) -> None:
    found = {name: profile_subject(str(file.path))["params"] for name, file in case.files.items()}
    backbone = profile_subject(str(case.ckpt))["params"]
    assert found.pop("model.pt2") == backbone + HEAD_MACS + len(CLASSES)  # batch norm is kept
    # The biases of an untrained network are equal, and equal tensors may be stored once.
    assert 0.98 * backbone < found.pop("model.torchscript") <= backbone
    assert len(set(found.values())) == 1, found
    assert all(0.98 * backbone < params <= backbone for params in found.values())


def test_int8_weights_count_and_their_scales_do_not(tmp_path: Path) -> None:
    stored = [
        numpy_helper.from_array(np.ones((4, 3, 3, 3), np.int8), "kernel"),
        numpy_helper.from_array(np.ones(4, np.float32), "scales"),
        numpy_helper.from_array(np.zeros(4, np.int8), "zeros"),
    ]
    nodes = [
        helper.make_node("DequantizeLinear", ["kernel", "scales", "zeros"], ["floats"], axis=0),
        helper.make_node("Conv", ["images", "floats"], ["maps"], pads=[1, 1, 1, 1]),
    ]
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 8, 8])
    maps = helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 4, 8, 8])
    graph = helper.make_graph(nodes, "int8", [image], [maps], stored)
    path = tmp_path / "int8.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), str(path))
    found = profile_subject(str(path))
    assert (found["params"], found["macs"]) == (4 * 27, 64 * 4 * 27)


@pytest.mark.parametrize("name", ["model.ort", "model.torchscript", "model.pt2"])
def test_another_size_is_refused(case: Case, name: str) -> None:
    with pytest.raises(UserError, match=r"--size: must be 64, which .* is made for, got 128"):
        profile_subject(str(case.files[name].path), image_px=128)


def test_a_file_that_only_has_the_suffix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.ort"
    path.write_text("text")
    with pytest.raises(UserError, match="must be a file in ORT format, got something else"):
        profile_subject(str(path))
    with pytest.raises(UserError, match="found none; check the path"):
        profile_subject(str(tmp_path / "gone.ort"))
