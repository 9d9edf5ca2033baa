"""The resize inside a file is Pillow's, of any size, and the same in every runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from edgessl.data.preprocess import Preprocess
from edgessl.export.formats.front import attach_front

KERNELS: tuple[Literal["bilinear", "bicubic"], ...] = ("bilinear", "bicubic")
SIZES = {
    "one pixel": (1, 1), "two pixels": (2, 1), "a row": (40, 1), "a column": (1, 40),
    "tiny": (5, 7), "as large as after": (40, 40), "odd": (97, 131), "tall": (50, 801),
    "wide": (802, 49), "whole steps": (80, 160), "large": (1501, 1003),
}  # fmt: skip
"""(width, height)"""
SIDES = [(40, 33), (40, 40), (72, 64), (12, 9)]
"""(resize_px, crop_px): less than a block of columns, one and a bit, two, and very few"""

Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def alone(preprocess: Preprocess) -> bytes:
    shape = ["batch", 3, "S", "S"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["logits"])], "bare",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
    )  # fmt: skip
    bare = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content: bytes = attach_front(bare, preprocess).SerializeToString()
    return content


def in_onnxruntime(content: bytes) -> Run:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return lambda pixels: np.asarray(session.run(None, {"pixels": pixels})[0], np.float32)


def in_openvino(content: bytes, folder: Path) -> Run:
    openvino = pytest.importorskip("openvino", reason="openvino is not installed here")
    (folder / "front.onnx").write_bytes(content)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(folder / "front.onnx"), "CPU", settings)
    return lambda pixels: np.array(compiled([pixels])[0])


def levels(preprocess: Preprocess, normalised: NDArray[np.float32]) -> NDArray[np.float64]:
    mean, std = (np.reshape(values, (3, 1, 1)) for values in (preprocess.mean, preprocess.std))
    return 255.0 * (normalised.astype(np.float64) * std + mean)


def noise(width: int, height: int) -> NDArray[np.uint8]:
    generator = np.random.default_rng(width)
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_at_most_one_level_from_pillow(
    kernel: Literal["bilinear", "bicubic"], sides: tuple[int, int]
) -> None:
    preprocess = Preprocess(*sides, kernel)
    run = in_onnxruntime(alone(preprocess))
    for name, size in SIZES.items():
        pixels = noise(*size)
        got = levels(preprocess, run(pixels[None])[0])
        difference = np.abs(got - preprocess.pixels(Image.fromarray(pixels)))
        assert difference.max() < 1.01, name
        assert difference.mean() < 0.1, name
        assert np.abs(got - got.round()).max() < 1e-3, name


@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_openvino_gives_the_pixels_of_onnxruntime(
    kernel: Literal["bilinear", "bicubic"], sides: tuple[int, int], tmp_path: Path
) -> None:
    preprocess = Preprocess(*sides, kernel)
    content = alone(preprocess)
    one, other = in_onnxruntime(content), in_openvino(content, tmp_path)
    for name, size in SIZES.items():
        batch = np.stack([noise(*size), noise(*size)[::-1]])
        difference = np.abs(levels(preprocess, one(batch)) - levels(preprocess, other(batch)))
        assert difference.max() < 1e-3, name


@pytest.mark.parametrize("value", [0, 1, 128, 255])
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_plain_colour_stays_what_it_is(
    kernel: Literal["bilinear", "bicubic"], value: int
) -> None:
    preprocess = Preprocess(40, 33, kernel)
    run = in_onnxruntime(alone(preprocess))
    for size in SIZES.values():
        plain = np.full((1, size[1], size[0], 3), value, np.uint8)
        assert np.abs(levels(preprocess, run(plain)) - value).max() < 1e-3, size


def test_its_operators_are_old_and_plain() -> None:
    graph = onnx.load_from_string(alone(Preprocess(72, 64, "bicubic"))).graph
    kinds = {node.op_type for node in graph.node}
    assert kinds <= {
        "Abs", "Add", "Cast", "Clip", "Concat", "Div", "Floor", "Gather", "Identity", "MatMul",
        "Max", "Min", "Mod", "Mul", "Range", "ReduceMin", "ReduceSum", "Reshape", "Round", "Shape",
        "Slice", "Split", "Squeeze", "Sub", "Transpose", "Unsqueeze",
    }  # fmt: skip
