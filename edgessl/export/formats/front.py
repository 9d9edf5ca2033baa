"""Preprocessing as part of an ONNX graph, and the way to look inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError
from edgessl.export.formats.inputs import INPUT, INPUTS
from edgessl.export.formats.resample import resample
from edgessl.export.formats.writer import PREFIX, Writer

FIRST_OPSET = 18
"""Below it another exporter writes the network, and such a file was never made."""


def front_fits(opset: int, preprocess: Preprocess) -> bool:
    """Say whether ONNX can express an evaluation transform in front of a network.

    Args:
        opset: ONNX operator set.
        preprocess: The evaluation transform.
    """
    return opset >= FIRST_OPSET and preprocess.crop_px <= preprocess.resize_px


def attach_front(core: Any, preprocess: Preprocess) -> Any:
    """Return a model that takes pixels instead of normalised images.

    Sizes and offsets are integers, by the rules of ``Preprocess.pixels``, and ``resample`` does as
    Pillow does: one axis after the other, fixed-point weights, rounded to 8 bits in between. What
    is left is a level of 255 in some pixels of 1,000, or of 100 where a large
    photograph becomes small, since its weights have fewer bits.

    Args:
        core: An ``onnx.ModelProto`` with input ``images``, ``(B, 3, S, S)`` float32; unchanged.
        preprocess: The evaluation transform.

    Returns:
        A model with input ``pixels``, ``(B, H, W, 3)`` uint8 RGB of any height and width, the same
        for all images of a batch. What the network itself takes is its tensor ``images``.

    Raises:
        UserError: The operator set is too old, or the crop is larger than the resized image.
    """
    _refuse_old(core)
    if preprocess.crop_px > preprocess.resize_px:
        raise UserError(
            f"preprocess: must have crop_px <= resize_px for a file with preprocessing inside, "
            f"got {preprocess.crop_px} > {preprocess.resize_px}"
        )
    return _attached(core, *_front(preprocess))


def attach_square_front(core: Any, transform: SquareTransform) -> Any:
    """Return a model that takes pixels, resized to a square whatever their shape.

    Args:
        core: As of ``attach_front``.
        transform: The evaluation transform of a detector or a segmenter.

    Returns:
        As ``attach_front`` does.

    Raises:
        UserError: The operator set is too old.
    """
    _refuse_old(core)
    to = Writer()
    side = transform.input_px
    size = to.node("Shape", [INPUTS["pixels"]], "size", start=1, end=3)
    resized = to.constant("resized_size", [side, side])
    start = to.constant("start", [0, 0])
    return _attached(core, *_normalised(to, (size, resized, start), side, transform))


def _attached(core: Any, nodes: list[Any], constants: list[Any]) -> Any:
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(core)
    del model.graph.input[:]
    uint8 = onnx.TensorProto.UINT8
    model.graph.input.append(
        onnx.helper.make_tensor_value_info(
            INPUTS["pixels"], uint8, ["batch", "height", "width", 3]
        )
    )
    network = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *network])
    model.graph.initializer.extend(constants)
    return model


def _refuse_old(core: Any) -> None:
    opset = next(entry.version for entry in core.opset_import if entry.domain == "")
    if opset < FIRST_OPSET:
        raise UserError(
            f"--opset: must be at least {FIRST_OPSET} for a file with preprocessing inside, "
            f"got {opset}"
        )


def take_front_off(graph: Any) -> None:
    """Undo ``attach_front`` in place; a graph without one stays as it is.

    Args:
        graph: An ``onnx.GraphProto``.
    """
    import onnx

    nodes = [node for node in graph.node if not node.name.startswith(PREFIX)]
    if len(nodes) == len(graph.node):
        return
    constants = {tensor.name: tensor for tensor in graph.initializer}
    shape = onnx.numpy_helper.to_array(constants[PREFIX + "shape"]).tolist()
    kept = [tensor for name, tensor in constants.items() if not name.startswith(PREFIX)]
    for field, values in ((graph.node, nodes), (graph.initializer, kept)):
        del field[:]
        field.extend(values)
    del graph.input[:]
    graph.input.append(
        onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, ["batch", *shape[1:]])
    )


def _front(preprocess: Preprocess) -> tuple[list[Any], list[Any]]:
    to = Writer()
    crop, two = to.constant("crop_px", [preprocess.crop_px] * 2), to.constant("two", [2])
    pixels = INPUTS["pixels"]
    # (height, width) after the resize: the short side is resize_px, the long one is truncated
    size = to.node("Shape", [pixels], "size", start=1, end=3)
    short = to.node("ReduceMin", [size], "short", keepdims=1)
    scaled = to.node("Mul", [size, to.constant("resize_px", [preprocess.resize_px])], "scaled")
    resized = to.node("Div", [scaled, short], "resized_size")
    # (top, left): half of what is left over, rounded half to even
    spare = to.node("Sub", [resized, crop], "spare")
    half = to.node("Div", [spare, two], "half")
    rests = [to.node("Mod", [spare, two], "rest"), to.node("Mod", [half, two], "odd_half")]
    start = to.node("Add", [half, to.node("Mul", rests, "odd")], "start")

    return _normalised(to, (size, resized, start), preprocess.crop_px, preprocess)


class SquareTransform(Protocol):
    """What an image becomes: a square, normalised."""

    @property
    def input_px(self) -> int:
        """Side of the square."""
        ...

    @property
    def interpolation(self) -> Literal["bilinear", "bicubic"]:
        """Pillow's kernel."""
        ...

    @property
    def mean(self) -> tuple[float, float, float]:
        """Per-channel mean on the [0, 1] scale."""
        ...

    @property
    def std(self) -> tuple[float, float, float]:
        """Per-channel standard deviation."""
        ...


def _normalised(
    to: Writer, axes: tuple[str, str, str], side: int, how: Preprocess | SquareTransform
) -> tuple[list[Any], list[Any]]:
    """Add the resize, and the normalisation behind it; see ``resample`` for ``axes``."""
    levels = resample(to, INPUTS["pixels"], axes, side, how.interpolation)
    # The side is known: said so here, every later shape is.
    shaped = to.node("Reshape", [levels, to.constant("shape", [-1, 3, side, side])], "shaped")
    unit = to.node("Div", [shaped, to.number("levels", 255.0)], "unit")
    mean = to.constant("mean", np.reshape(how.mean, (3, 1, 1)), np.float32)
    std = to.constant("std", np.reshape(how.std, (3, 1, 1)), np.float32)
    to.node("Div", [to.node("Sub", [unit, mean], "centred"), std], "normalised")
    to.nodes[-1].output[0] = INPUT
    return to.nodes, to.constants


Inside = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def cut_inside(path: Path) -> bytes | None:
    """Return the part of a file that ends where its network begins, as an ONNX file of its own.

    Args:
        path: An ONNX file that takes pixels.

    Returns:
        Its content; None where the file has no tensor ``images``.
    """
    import onnx

    model = onnx.load(str(path))
    if INPUT not in {name for node in model.graph.node for name in node.output}:
        return None
    _cut(model.graph)
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, ["batch", 3, None, None])
    )
    content: bytes = model.SerializeToString()
    return content


def open_inside(path: Path) -> Inside | None:
    """Open the part of a file that ends where its network begins.

    Args:
        path: An ONNX file that takes pixels.

    Returns:
        Pixels ``(B, H, W, 3)`` to what the network gets, ``(B, 3, S, S)``; None where the file has
        no tensor ``images``.
    """
    import onnxruntime

    content = cut_inside(path)
    if content is None:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session: Any = onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        images: NDArray[np.float32] = session.run(None, {name: pixels})[0]
        return images

    return run


def _cut(graph: Any) -> None:
    """Keep only what the tensor ``images`` is computed from, in place."""
    needed, kept = {INPUT}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    for field, values in (("node", reversed(kept)), ("initializer", weights), ("output", ())):
        copies = [type(value).FromString(value.SerializeToString()) for value in values]
        graph.ClearField(field)
        getattr(graph, field).extend(copies)
