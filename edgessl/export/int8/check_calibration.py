"""The images an int8 file was calibrated on look to the network like real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.data.preprocess import Preprocess
from edgessl.export.gates.gate import Gate
from edgessl.export.int8.quantise import padded_name
from edgessl.export.int8.ranges import Extremes

NAME = "int8 calibration"
MIN_INPUT_COVERED = 0.6
MAX_RATIO = 2.0
MIN_ALIKE_PERCENT = 85.0
"""Between what real, noisy and wrongly normalised calibration images gave (bench/LOG.md, int8)."""


def check_calibration(
    model: Any, calibrated: Extremes, unseen: Extremes, preprocess: Preprocess
) -> Gate:
    """Compare the ranges of a file, and of its calibration images, with those of unseen images.

    Medians over images are compared, for a single odd image widens the ranges of all.

    Args:
        model: The int8 ``onnx.ModelProto``.
        calibrated: The activations of the calibration images in the fp32 network.
        unseen: Those of real images through the evaluation transform.
        preprocess: The checkpoint's own: it bounds what the input can be.

    Returns:
        A gate that passes where the range of the file's input is what normalised images have, and
        the widths of most activations are alike, within a factor of two.
    """
    source = unseen.names[0]
    written = written_ranges(model)
    low, high = written.get(source) or written.get(padded_name(source)) or (0.0, 0.0)
    ratios = _widths(calibrated) / _widths(unseen)  # (T,)
    alike_percent = 100.0 * float(((ratios >= 1 / MAX_RATIO) & (ratios <= MAX_RATIO)).mean())
    covered = _covered(low, high, unseen)
    numbers = {
        "images": len(calibrated.low), "unseen_images": len(unseen.low),
        "activations": len(ratios), "alike_percent": alike_percent,
        "median_ratio": float(np.median(ratios)),
        "input_low": low, "input_high": high, "input_covered": covered,
    }
    range_text = f"the input's range [{low:.2f}, {high:.2f}]"
    if low == high == 0.0:  # the first convolution stays in float
        low, high = float(calibrated.low[:, 0].min()), float(calibrated.high[:, 0].max())
        covered = _covered(low, high, unseen)
        range_text = f"the calibration images' range [{low:.2f}, {high:.2f}]"
    wrong = ""
    if not _possible(low, high, preprocess):
        wrong = f"{range_text} is more than normalised images can have"
    elif covered < MIN_INPUT_COVERED:
        wrong = f"{range_text} holds {100 * covered:.0f} % of that of real images"
    elif alike_percent < MIN_ALIKE_PERCENT:
        wrong = (
            f"only {alike_percent:.0f} % of {len(ratios)} activations range like those of real "
            f"images, in the median {numbers['median_ratio']:.2f} times as wide"
        )
    if wrong:
        remedy = "calibrate on training images through the evaluation transform"
        return Gate(NAME, "fail", f"{wrong}; {remedy}", numbers)
    finding = (
        f"{len(calibrated.low)} images; {alike_percent:.0f} % of {len(ratios)} activations range "
        f"like those of {len(unseen.low)} unseen images, within a factor of {MAX_RATIO:g}"
    )
    return Gate(NAME, "pass", finding, numbers)


def written_ranges(model: Any) -> dict[str, tuple[float, float]]:
    """Return what each quantised activation can hold: lowest and highest value.

    Args:
        model: An int8 ``onnx.ModelProto`` in QDQ form.
    """
    from onnx import numpy_helper

    stored: dict[str, NDArray[Any]] = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    found = {}
    for node in model.graph.node:
        if node.op_type != "QuantizeLinear" or node.input[0] in stored:
            continue
        scale, zero = float(stored[node.input[1]]), stored[node.input[2]]
        limits, offset = np.iinfo(zero.dtype), int(zero)
        found[node.input[0]] = (scale * (limits.min - offset), scale * (limits.max - offset))
    return found


def _widths(extremes: Extremes) -> NDArray[np.float64]:
    """Return each activation's width in the median image, ``(T,)``."""
    width = np.median(extremes.high - extremes.low, axis=0)
    return np.asarray(np.maximum(width, 1e-9), np.float64)


def _covered(low: float, high: float, unseen: Extremes) -> float:
    """Return the share of the median unseen image's input range that is covered."""
    bottom, top = float(np.median(unseen.low[:, 0])), float(np.median(unseen.high[:, 0]))
    return max(0.0, min(high, top) - max(low, bottom)) / max(top - bottom, 1e-9)


def _possible(low: float, high: float, preprocess: Preprocess) -> bool:
    """Whether an input's range is within what pixels can become, but for rounding."""
    mean, std = np.asarray(preprocess.mean), np.asarray(preprocess.std)
    bottom, top = float((-mean / std).min()), float(((1.0 - mean) / std).max())
    slack = 0.02 * (top - bottom)
    return low >= min(bottom, 0.0) - slack and high <= max(top, 0.0) + slack
