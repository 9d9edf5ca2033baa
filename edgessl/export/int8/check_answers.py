"""The gates ``int8 loss`` and ``int8 agreement``: what rounding cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.export.gates.gate import Gate
from edgessl.export.gates.parity import BATCHES
from edgessl.metrics.interval import paired_difference

Run = Callable[[NDArray[Any]], NDArray[np.float32]]


def check_agreement(
    reference: Run, candidate: Run, images: NDArray[Any], *, classifies: bool,
    max_drop_percent: float | None, levels: Sequence[float] = (),
) -> Gate:
    """Run an int8 file at several batch sizes, and say how near its answers are.

    Args:
        reference: The checkpoint's network.
        candidate: The int8 file.
        images: What both take, ``(N, ...)``: normalised images, or pixels.
        classifies: Whether the highest output is the answer.
        max_drop_percent: Percent of images whose top class may be another, or hundredths of mean
            cosine that features may lose; None where labelled test images tell what is lost.
        levels: Output from which on each class counts as shown, where an image may show several:
            then an image has another answer if any class is decided otherwise.

    Returns:
        A gate that passes where every batch size runs, gives finite numbers of the right shape,
        and the same ones as the images alone. Top classes may be others on more images than the
        limit where so few images could show that by chance: where its 95 % interval holds the
        limit.
    """
    expected = np.concatenate([reference(image[None]) for image in images])  # (N, K)
    try:
        alone = np.concatenate([candidate(image[None]) for image in images])
        together = [
            (candidate(images[:size]), alone[:size]) for size in BATCHES if size <= len(images)
        ]
    except Exception as error:  # the runtime's own exceptions: whatever they are, it fails
        reason = " ".join(str(error).split())[:160]
        return Gate("int8 agreement", "fail", f"a batch does not run: {reason}")
    if alone.shape != expected.shape:
        return Gate(
            "int8 agreement", "fail", f"gives shape {alone.shape}, must be {expected.shape}"
        )
    spread = float(np.abs(expected).max())
    apart = max(float(np.abs(batch - one).max()) for batch, one in together)
    difference = np.abs(alone - expected)
    other = _other_answers(alone, expected, np.asarray(levels))  # (N,)
    agreeing = 100.0 * float((~other).mean())
    lengths = np.linalg.norm(alone, axis=1) * np.linalg.norm(expected, axis=1)
    cosine = float(((alone * expected).sum(axis=1) / np.maximum(lengths, 1e-12)).mean())
    numbers = {
        "images": len(images), "batches": list(BATCHES),
        "mean_difference": float(difference.mean()), "max_difference": float(difference.max()),
        "largest_output": spread, "max_difference_of_batches": apart,
        "agreement_percent": agreeing if classifies else None, "mean_cosine": cosine,
    }
    if not np.isfinite(alone).all():
        return Gate("int8 agreement", "fail", "gives numbers that are not finite")
    passed = apart <= 1e-3 * max(spread, 1e-12)
    same = (
        f"same {'classes found' if levels else 'top class'} on {agreeing:.0f} % of "
        f"{len(images)} images, " if classifies
        else f"mean cosine {cosine:.4f} on {len(images)} images, "
    )
    finding = (
        f"{same}mean |d| {difference.mean():.2g} of outputs up to {spread:.2g}; "
        f"batches {', '.join(str(size) for size in BATCHES)}"
    )
    if max_drop_percent is not None:
        changed = int(other.sum())
        if classifies and _shown(changed, len(images), max_drop_percent):
            finding += (
                f"; must be {100.0 - max_drop_percent:g} % within what {len(images)} images can "
                "show: use the fp32 file, pass --data with labelled test images, or --max-drop"
            )
            return Gate("int8 agreement", "fail", finding, numbers)
        if not classifies and 100.0 * (1.0 - cosine) > max_drop_percent:
            finding += f"; must be {1.0 - max_drop_percent / 100.0:g} or more"
            return Gate("int8 agreement", "fail", finding, numbers)
    if not passed:
        finding += f"; an image's output changes by {apart:.2g} with the batch"
    return Gate("int8 agreement", "pass" if passed else "fail", finding, numbers)


def _other_answers(
    got: NDArray[np.float32], expected: NDArray[np.float32], levels: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which images have another answer, ``(N,)``."""
    if len(levels):
        return np.asarray(((got >= levels) != (expected >= levels)).any(axis=1))
    return np.asarray(got.argmax(axis=1) != expected.argmax(axis=1))


def _shown(changed: int, n: int, max_drop_percent: float) -> bool:
    """Whether more answers than allowed changed, beyond what chance can do on so few images."""
    _, high = paired_difference(0, changed, n)
    return -high > max_drop_percent


NAME = "int8 loss"
WAY_OUT = "use the fp32 file, or allow the loss with --max-drop"


def check_answers_lost(
    before: NDArray[np.float64], after: NDArray[np.float64], what: str, *, max_drop_percent: float
) -> Gate:
    """Compare answers that are right (1) or not (0), image by image.

    Args:
        before: Marks of the fp32 file, ``(N,)`` with N >= 1.
        after: Marks of the int8 file on the same images.
        what: What a mark means, in words.
        max_drop_percent: Points that the file may lose.
    """
    gained, lost = int((after > before).sum()), int((before > after).sum())
    difference = 100 * (gained - lost) / len(before)
    low, high = paired_difference(gained, lost, len(before))
    finding = f"{what}: {difference:+.1f} points [{low:+.1f}, {high:+.1f}], paired"
    return _gate(finding, difference, low, high, len(before), max_drop_percent)


def check_shares_lost(
    before: NDArray[np.float64], after: NDArray[np.float64], what: str, *, max_drop_percent: float
) -> Gate:
    """Compare which share of an image's classes is decided right, image by image.

    Args:
        before: Marks of the fp32 file in [0, 1], ``(N,)`` with N >= 1.
        after: Marks of the int8 file on the same images.
        what: What a mark means, in words.
        max_drop_percent: Points that the file may lose.
    """
    gained = 100.0 * (after - before)
    value = float(gained.mean())
    half = _Z * float(gained.std(ddof=1)) / len(gained) ** 0.5 if len(gained) > 1 else 0.0
    finding = f"{what}: {value:+.2f} points [{value - half:+.2f}, {value + half:+.2f}], paired"
    return _gate(finding, value, value - half, value + half, len(gained), max_drop_percent)


_Z = 1.96  # standard errors to either side of a 95 % interval


def check_cosine_lost(
    cosines: NDArray[np.float64], what: str, *, max_drop_percent: float
) -> Gate:
    """Compare features by their direction; a difference of one image is no matter of chance.

    Args:
        cosines: Between the features of the int8 and the fp32 file, ``(N,)`` with N >= 1.
        what: What was compared, in words.
        max_drop_percent: Hundredths of mean cosine that the file may lose.
    """
    difference = 100 * float(cosines.mean() - 1.0)
    finding = f"{what}: mean {cosines.mean():.4f}"
    return _gate(finding, difference, difference, difference, len(cosines), max_drop_percent)


def _gate(
    finding: str, difference: float, low: float, high: float, n: int, max_drop_percent: float
) -> Gate:
    numbers = {
        "difference": {"value": difference, "low": low, "high": high, "n": n},
        "max_drop_percent": max_drop_percent,
    }
    if high >= -max_drop_percent:
        return Gate(NAME, "pass", finding, numbers)
    finding += f"; may lose {max_drop_percent:g}: {WAY_OUT}"
    return Gate(NAME, "fail", finding, numbers)
