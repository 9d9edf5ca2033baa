"""The file is as accurate on the test images as the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from edgessl.export.gate import Gate
from edgessl.metrics.interval import Score

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def check_accuracy(
    reference: Run,
    candidate: Run,
    batches: Iterable[tuple[NDArray[np.float32], NDArray[np.int64]]],
    *,
    max_drop_percent: float,
) -> Gate:
    """Score the file and the checkpoint on the same test images.

    Args:
        reference: The checkpoint's network.
        candidate: The file.
        batches: Normalised images ``(B, 3, H, W)`` with their classes ``(B,)``; at least one image.
        max_drop_percent: Points of top-1 the file may lose.
    """
    correct = expected_correct = agreeing = n = 0
    for images, labels in batches:
        answer, expected = candidate(images).argmax(axis=1), reference(images).argmax(axis=1)
        correct += int((answer == labels).sum())
        expected_correct += int((expected == labels).sum())
        agreeing += int((answer == expected).sum())
        n += len(labels)
    score = Score.from_counts(correct, n)
    checkpoint = Score.from_counts(expected_correct, n)
    passed = checkpoint.value - score.value <= max_drop_percent
    return Gate(
        "accuracy",
        "pass" if passed else "fail",
        f"test top-1 {score.value:.1f} % [{score.low:.1f}, {score.high:.1f}] through the file, "
        f"{checkpoint.value:.1f} % through the checkpoint; {n} images",
        {
            "top1": score.to_dict(),
            "checkpoint_top1": checkpoint.to_dict(),
            "agreement_percent": 100 * agreeing / n,
            "max_drop_percent": max_drop_percent,
        },
    )
