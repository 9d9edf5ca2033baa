"""The parity gate: the same answers as the checkpoint's, extreme images included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.export.gates.gate import Gate

LARGE = 100.0
"""Factor on unit noise for large values: some 20 times what a normalised image holds."""


def extreme_images(input_px: int) -> NDArray[np.float32]:
    """Return zeros, one level of 255, large values and noise, the same every time.

    Args:
        input_px: Side of the images.

    Returns:
        Normalised images, ``(8, 3, input_px, input_px)``.
    """
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((8, 3, input_px, input_px), dtype=np.float32)
    noise[0] = 0.0
    noise[1] = 1.0 / 255.0
    noise[2] *= LARGE
    return noise


def extreme_pixels(input_px: int) -> NDArray[np.uint8]:
    """Return black, white, the darkest grey, two colours and noise, the same every time.

    Args:
        input_px: Side of what the network sees; the images are a little larger, and not square.

    Returns:
        ``(8, H, W, 3)``.
    """
    shape = (8, input_px + 9, input_px + 20, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pixels[0], pixels[1], pixels[2] = 0, 255, 1
    pixels[3], pixels[4] = (255, 0, 0), (0, 0, 255)
    return pixels


BATCHES = (1, 2, 5)
"""Batch sizes tried: a batch dimension that became a constant passes one of them only."""

Images = NDArray[Any]
Run = Callable[[Images], NDArray[np.float32]]


def batches_of(images: Images) -> tuple[Images, ...]:
    """Cut images into batches of ``BATCHES``, starting over where there are too few.

    Args:
        images: ``(N, ...)`` with N >= 1.
    """
    taken = np.resize(np.arange(len(images)), sum(BATCHES))
    parts = np.split(images[taken], np.cumsum(BATCHES)[:-1])
    return tuple(np.ascontiguousarray(part) for part in parts)


def check_parity(
    name: str, reference: Run, candidate: Run, images: Images, *, atol: float | None,
    rtol: float, classifies: bool, levels: Sequence[float] = (),
) -> Gate:
    """Compare the outputs of the file with the checkpoint's.

    Args:
        name: Name of the gate.
        reference: The checkpoint's network.
        candidate: The file.
        images: What both take, ``(N, ...)``.
        atol: Absolute tolerance; None where the answers may differ, as those of an int8 file do:
            then they must be there for every batch size, and finite.
        rtol: Tolerance as a share of the largest reference value of the same image.
        classifies: Whether the highest output is the answer, to be compared as well.
        levels: Output from which on each class counts as shown, where an image may show several:
            then these decisions are the answer.

    Returns:
        A gate that passes where every ``|d| <= atol + rtol * max|reference|``, and the top class
        differs only between classes that are as close as that.
    """
    worst, worst_share, changed = 0.0, 0.0, 0
    for batch in batches_of(images):
        try:
            got = candidate(batch)
        except Exception as error:  # the runtime's own exceptions: whatever they are, it fails
            reason = " ".join(str(error).split())[:160]
            return Gate(name, "fail", f"a batch of {len(batch)} does not run: {reason}")
        expected = reference(batch)  # (B, K)
        if got.shape != expected.shape:
            return Gate(name, "fail", f"gives shape {got.shape}, must be {expected.shape}")
        # Image by image: beside one of large values, small ones would have no limit to speak of.
        tolerance = (atol or 0.0) + rtol * np.abs(expected).max(axis=1)  # (B,)
        differences = np.abs(got - expected).max(axis=1)  # (B,)
        difference = float(differences.max())
        worst = max(worst, difference) if np.isfinite(difference) else difference
        worst_share = float(np.maximum(worst_share, (differences / tolerance).max()))  # keeps a NaN
        if levels:
            changed += _decided_otherwise(expected, got, np.asarray(levels), tolerance)
        elif classifies:
            changed += _changed(expected, got, tolerance)
        if not np.isfinite(difference):
            break
    sizes = ", ".join(str(size) for size in BATCHES)
    if atol is None:
        what = "classes found differ" if levels else "top class differs"
        return _free(name, worst, changed, min(len(images), sum(BATCHES)), sizes, what)
    passed = worst_share <= 1.0 and changed == 0
    finding = f"|d| up to {worst:.1e}, {100 * worst_share:.0f} % of the tolerance; batches {sizes}"
    if changed:
        what = "classes found differ" if levels else "top class differs"
        finding += f"; {what} on {changed} image(s)"
    numbers = {
        "max_difference": worst if np.isfinite(worst) else None,
        "share_of_tolerance": worst_share if np.isfinite(worst_share) else None,
        "atol": atol, "rtol": rtol, "batches": list(BATCHES),
        "images": min(len(images), sum(BATCHES)), "top1_changed": changed,
    }
    return Gate(name, "pass" if passed else "fail", finding, numbers)


def _free(
    name: str, worst: float, changed: int, images: int, sizes: str, what: str
) -> Gate:
    """Judge answers that may differ."""
    finite = bool(np.isfinite(worst))
    return Gate(
        name,
        "pass" if finite else "fail",
        f"|d| up to {worst:.2g}, {what} on {changed} of {images}; batches {sizes}",
        {
            "max_difference": worst if finite else None, "batches": list(BATCHES),
            "images": images, "top1_changed": changed,
        },
    )


def _decided_otherwise(
    expected: NDArray[np.float32], got: NDArray[np.float32], levels: NDArray[np.float64],
    tolerance: NDArray[np.floating[Any]],
) -> int:
    """Count images with a class that is decided otherwise, though it is not near its level."""
    far = np.abs(expected - levels) > tolerance[:, None]  # (B, K)
    return int((far & ((expected >= levels) != (got >= levels))).any(axis=1).sum())


def _changed(
    expected: NDArray[np.float32], got: NDArray[np.float32], tolerance: NDArray[np.floating[Any]]
) -> int:
    """Count images whose top class differs although the reference separates the two."""
    rows = np.arange(len(expected))
    margin = expected.max(axis=1) - expected[rows, got.argmax(axis=1)]  # (B,)
    return int((margin > tolerance).sum())
