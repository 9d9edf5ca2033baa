"""Pillow's antialiased resize as matrix products in an ONNX graph, the same in every runtime.

ONNX has ``Resize`` with ``antialias``, but runtimes do not agree on it: OpenVINO 2026.4 gave up to
139 levels of 255 other pixels than onnxruntime, without a word. Matrix products they agree on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgessl.export.formats.kernels import KERNELS, Kernel
from edgessl.export.formats.writer import Writer

_HEIGHT_BITS = 18
"""Heights of a kernel are rounded too: their sum is exact then, up to a shrinkage of 64."""
_BLOCK = 32
"""Columns that one product computes, from no more of the image than they need. One product for all
of 224 took five times as long. Not tuned further."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """Height or width: names of int64 tensors ``(1,)``, in half pixels of the resized image.

    Pixel x of the image lies at ``(2 x + 1) resized``; what is kept begins at ``first``, in steps
    of ``2 size``. Whole numbers, so that nothing is rounded before the distance is divided.
    """

    name: str
    size: str
    resized: str
    step: str
    first: str
    longer: str


def resample(
    to: Writer, pixels: str, axes: tuple[str, str, str], crop_px: int,
    interpolation: Literal["bilinear", "bicubic"],
) -> str:  # fmt: skip
    """Add nodes that resize images and keep a square of them, as ``Preprocess.pixels`` does.

    One axis after the other, width first, each rounded to 8 bits; only what is kept is computed.
    OpenVINO counts with 32 bits: enough while twice the long side times the resized long side is
    below 2**31, as for 10,000 x 24 pixels resized to 256.

    Args:
        to: Where the nodes go.
        pixels: Name of ``(B, H, W, 3)`` uint8.
        axes: Names of int64 ``(2,)``, height and width: the size of the image, the size to resize
            to, and the offset of the square.
        crop_px: Side of the square.
        interpolation: The kernel.

    Returns:
        Name of ``(B, 3, crop_px, crop_px)`` float32, whole numbers from 0 to 255.
    """
    kernel = KERNELS[interpolation]
    row, column = (_axis(to, name, place, axes) for place, name in enumerate(("row", "column")))
    top, bottom = _reach(to, row, [(0, crop_px)], kernel, "row")
    left, right = _reach(to, column, [(0, crop_px)], kernel, "column")
    low = to.node("Concat", [top, left], "low", axis=0)
    high = to.node("Concat", [bottom, right], "high", axis=0)
    part = to.node("Slice", [pixels, low, high, to.constant("sides", [1, 2])], "part")
    planes = to.node("Transpose", [part], "planes", perm=[0, 3, 1, 2])  # (B, 3, h, w)
    weights = _weights(to, column, (left, right), crop_px, kernel, taps_axis=0)  # (w, S)
    across = _in_blocks(to, planes, weights, column, left, crop_px, kernel)  # (B, 3, h, S)
    weights = _weights(to, row, (top, bottom), crop_px, kernel, taps_axis=1)  # (S, h)
    return _levels(to, to.node("MatMul", [weights, across], "down"), "down")


def _axis(to: Writer, name: str, place: int, axes: tuple[str, str, str]) -> _Axis:
    which, two = to.constant(f"{name}_place", [place]), to.constant(f"{name}_two", [2])
    size, resized, start = (
        to.node("Gather", [whole, which], f"{name}_{what}", axis=0)
        for whole, what in zip(axes, ("size", "resized", "start"), strict=True)
    )
    step = to.node("Mul", [resized, two], f"{name}_step")
    odd = to.node("Add", [to.node("Mul", [start, two], f"{name}_even"),
                          to.constant(f"{name}_next", [1])], f"{name}_odd")  # fmt: skip
    first = to.node("Mul", [odd, size], f"{name}_first")
    longer = to.node("Max", [size, resized], f"{name}_longer")
    return _Axis(name, size, resized, step, first, longer)


def _reach(
    to: Writer, axis: _Axis, parts: list[tuple[int, int]], kernel: Kernel, name: str
) -> tuple[str, str]:
    """Add the pixels that parts of the square need: their begins and ends, int64 ``(N,)``.

    Args:
        to: Where the nodes go.
        axis: Of what.
        parts: Begin and end of each, counted in the square.
        kernel: How far a pixel of the square reaches.
        name: Prefix for names.
    """
    reach = to.node("Mul", [axis.longer, to.constant(f"{name}_support", [2 * kernel.support])],
                    f"{name}_reach")  # fmt: skip

    def centres(what: str, places: list[int]) -> str:
        steps = to.constant(f"{name}_{what}_places", [2 * place for place in places])
        moved = to.node("Mul", [axis.size, steps], f"{name}_{what}_moved")
        return to.node("Add", [axis.first, moved], f"{name}_{what}")

    # A pixel too many has weight zero. Below zero, runtimes divide whole numbers in two ways.
    begin = to.node("Sub", [centres("first_of", [begin for begin, _ in parts]), reach],
                    f"{name}_begin")  # fmt: skip
    begin = to.node("Max", [begin, to.constant(f"{name}_edge", [0])], f"{name}_begin_inside")
    end = to.node("Add", [centres("last_of", [end - 1 for _, end in parts]), reach], f"{name}_end")
    last = to.node("Div", [end, axis.step], f"{name}_last")
    behind = to.node("Add", [last, to.constant(f"{name}_unit", [1])], f"{name}_behind")
    low = to.node("Div", [begin, axis.step], f"{name}_low")
    return low, to.node("Min", [behind, axis.size], f"{name}_high")


def _weights(
    to: Writer, axis: _Axis, reach: tuple[str, str], crop_px: int, kernel: Kernel, *,
    taps_axis: Literal[0, 1],
) -> str:  # fmt: skip
    """Add the weight of every pixel in reach for every one of the square; see ``Kernel.bits``.

    Args:
        to: Where the nodes go.
        axis: Of what.
        reach: Begin and end of the pixels, int64 ``(1,)``.
        crop_px: Side of the square.
        kernel: The kernel.
        taps_axis: Where the pixels lie in the matrix; the square is on the other axis.
    """
    name = f"{axis.name}_weights"
    low, high = (to.node("Squeeze", [end], f"{name}_{what}")
                 for end, what in zip(reach, ("low", "high"), strict=True))  # fmt: skip
    taps = to.node("Range", [low, high, to.constant(f"{name}_by", 1)], f"{name}_range")
    taps = to.node("Unsqueeze", [taps, to.constant(f"{name}_side", [1 - taps_axis])],
                   f"{name}_taps")  # fmt: skip
    taps = to.node("Add", [to.node("Mul", [taps, axis.step], f"{name}_steps"), axis.resized],
                   f"{name}_places")  # fmt: skip
    places = to.constant(f"{name}_square", np.expand_dims(2 * np.arange(crop_px), taps_axis))
    moved = to.node("Mul", [places, axis.size], f"{name}_moved")
    centres = to.node("Add", [moved, axis.first], f"{name}_centres")
    apart = to.node("Sub", [centres, taps], f"{name}_apart")
    apart = to.node("Abs", [to.node("Cast", [apart], f"{name}_float", to=1)], f"{name}_abs")
    unit = to.node("Add", [axis.longer, axis.longer], f"{name}_unit")
    unit = to.node("Cast", [unit], f"{name}_float_unit", to=1)
    distance = to.node("Mul", [apart, _inverse(to, unit, 1.0, f"{name}_unit")], f"{name}_distance")
    height = kernel.write(to, distance, name)
    whole = to.whole(to.times(height, 2.0**_HEIGHT_BITS, f"{name}_fine"), f"{name}_heights")
    total = to.node("ReduceSum", [whole, to.constant(f"{name}_all", [taps_axis])],
                    f"{name}_total", keepdims=1)  # fmt: skip
    scale = _inverse(to, total, 2.0**kernel.bits, f"{name}_total")
    share = to.node("Mul", [whole, scale], f"{name}_share")
    return to.times(to.whole(share, f"{name}_fixed"), 2.0**-kernel.bits, f"{name}_matrix")


def _in_blocks(
    to: Writer, planes: str, weights: str, column: _Axis, left: str, crop_px: int, kernel: Kernel
) -> str:
    """Add the resampling of the width, ``(B, 3, h, w)`` uint8 to ``(B, 3, h, S)``."""
    parts = [(i, min(i + _BLOCK, crop_px)) for i in range(0, crop_px, _BLOCK)]
    sizes = to.constant("block_sizes", [end - begin for begin, end in parts])
    ones = to.constant("block_ones", [1] * len(parts))
    every = range(len(parts))
    matrices = to.split("Split", [weights, sizes], [f"block{i}_columns" for i in every], axis=1)
    reach = _reach(to, column, parts, kernel, "block")
    begins, ends = (
        to.split("Split", [to.node("Sub", [edge, left], f"block_{what}"), ones],
                 [f"block{i}_{what}" for i in every], axis=0)
        for edge, what in zip(reach, ("from", "to"), strict=True)
    )  # fmt: skip
    width, taps = to.constant("block_width", [3]), to.constant("block_taps", [0])
    products = []
    for i in every:
        matrix = to.node("Slice", [matrices[i], begins[i], ends[i], taps], f"block{i}_matrix")
        image = to.node("Slice", [planes, begins[i], ends[i], width], f"block{i}_part")
        image = to.node("Cast", [image], f"block{i}_image", to=1)
        products.append(to.node("MatMul", [image, matrix], f"block{i}"))
    return _levels(to, to.node("Concat", products, "across", axis=3), "across")


def _inverse(to: Writer, divisors: str, value: float, name: str) -> str:
    """Add a value over positive divisors.

    Runtimes turn a division into a product with the inverse, or such a product into a division,
    and round otherwise then. The maximum, which changes nothing, keeps them from it.
    """
    quotient = to.node("Div", [to.number(f"{name}_value", value), divisors], f"{name}_quotient")
    return to.node("Max", [quotient, to.number(f"{name}_least", 0.0)], f"{name}_inverse")


def _levels(to: Writer, values: str, name: str) -> str:
    """Add the rounding to 8 bits that follows each axis.

    Halves go up as Pillow has them, by a hair that float32 keeps and bf16 drops, where half a level
    and a floor would be rounded on the way.
    """
    raised = to.node("Add", [values, to.number(f"{name}_hair", 2.0**-14)], f"{name}_raised")
    ends = [to.number(f"{name}_black", 0.0), to.number(f"{name}_white", 255.0)]
    return to.node("Clip", [to.node("Round", [raised], f"{name}_whole"), *ends], f"{name}_levels")
