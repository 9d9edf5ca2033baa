"""The features of a file with prototypes are the checkpoint's: classes are added with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import open_artifact
from edgessl.export.formats.front import open_inside
from edgessl.export.gates.gate import Gate
from edgessl.export.gates.parity import extreme_images, extreme_pixels

NAME = "features"
LIMIT = 1e-3
"""Of the difference of vectors of length 1: far below what two images of one class differ by."""

Features = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def check_features(path: Path, reference: Features, input_px: int) -> Gate:
    """Compare the second output of a file with the checkpoint's features.

    Args:
        path: The file.
        reference: Normalised images ``(B, 3, S, S)`` to features of length 1, ``(B, D)``.
        input_px: Side of the images.
    """
    artifact = open_artifact(path)
    if artifact.outputs is None:
        return Gate(NAME, "fail", "the file gives scores only: no class can be added to it")
    images: NDArray[Any] = extreme_images(input_px)
    network = images
    if artifact.takes == "pixels":
        images, inside = extreme_pixels(input_px), open_inside(path)
        if inside is None:
            return Gate(NAME, "fail", "the file has no tensor 'images' to look at")
        network = inside(images)
    got, expected = artifact.outputs(images)[1], reference(network)
    if got.shape != expected.shape:
        return Gate(NAME, "fail", f"gives shape {got.shape}, must be {expected.shape}")
    apart = float(np.linalg.norm(got - expected, axis=1).max())
    passed = apart <= LIMIT  # a NaN is no pass
    numbers = {"max_distance": apart if np.isfinite(apart) else None, "allowed": LIMIT,
               "dim": got.shape[1]}  # fmt: skip
    finding = f"{got.shape[1]} numbers of length 1, up to {apart:.1e} from the checkpoint's"
    return Gate(NAME, "pass" if passed else "fail", finding, numbers)
