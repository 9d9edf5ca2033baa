"""The file is as accurate on the test images as the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import Artifact
from edgessl.data.decode import read_image
from edgessl.data.parallel import ordered_map
from edgessl.data.preprocess import Preprocess
from edgessl.export.gates.gate import Gate
from edgessl.export.gates.held_out import HeldOut
from edgessl.metrics.interval import Score, paired_difference

CHUNK = 64  # images run at a time, which bounds memory

Run = Callable[[NDArray[Any]], NDArray[np.float32]]
Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answers:
    """The top class of every test image, ``(N,)`` each.

    Attributes:
        labels: The true one.
        checkpoint: The checkpoint's.
        files: Each file's, in the order they were given.
    """

    labels: Classes
    checkpoint: Classes
    files: tuple[Classes, ...]


def answers_of(
    test: HeldOut, preprocess: Preprocess, reference: Run, files: Sequence[Artifact]
) -> Answers:
    """Run the checkpoint and every file over the test images, each decoded once.

    Args:
        test: The test images, with labels.
        preprocess: The checkpoint's own, for the files that have none inside.
        reference: The checkpoint's network.
        files: The files.
    """
    rows: list[list[Classes]] = [[] for _ in files]
    expected: list[Classes] = []
    waiting: list[NDArray[np.uint8]] = []

    def flush() -> None:
        images = preprocess.normalise(np.stack(waiting))
        waiting.clear()
        expected.append(reference(images).argmax(axis=1))
        for row, file in zip(rows, files, strict=True):
            if file.takes == "normalised":
                row.append(file.run(images).argmax(axis=1))

    for image in ordered_map(read_image, test.paths[: len(test.labels)]):
        waiting.append(preprocess.pixels(image))
        for row, file in zip(rows, files, strict=True):
            if file.takes == "pixels":  # the images differ in size, so they go one by one
                row.append(file.run(np.asarray(image)[None]).argmax(axis=1))
        if len(waiting) == CHUNK:
            flush()
    if waiting:
        flush()
    return Answers(
        np.asarray(test.labels, dtype=np.int64),
        np.concatenate(expected),
        tuple(np.concatenate(row) for row in rows),
    )


def check_accuracy(
    labels: Classes, expected: Classes, got: Classes, *, max_drop_percent: float,
    changed: str = "",
) -> Gate:
    """Compare how often the file and the checkpoint are right, on the same images.

    Args:
        labels: True classes, ``(N,)`` with N >= 1.
        expected: The checkpoint's, ``(N,)``.
        got: The file's, ``(N,)``.
        max_drop_percent: Points of top-1 the file may lose.
        changed: What is to be told of images that are no longer the run's.
    """
    n = len(labels)
    right, right_before = got == labels, expected == labels
    score, before = (Score.from_counts(int(r.sum()), n) for r in (right, right_before))
    gained, lost = int((right & ~right_before).sum()), int((right_before & ~right).sum())
    difference = 100 * (gained - lost) / n
    low, high = paired_difference(gained, lost, n)
    numbers: Mapping[str, Any] = {
        "top1": score.to_dict(),
        "checkpoint_top1": before.to_dict(),
        "difference": {"value": difference, "low": low, "high": high, "n": n},
        "agreement_percent": 100 * float((got == expected).mean()),
        "max_drop_percent": max_drop_percent,
    }
    finding = (
        f"test top-1 {score.value:.1f} % through the file, {before.value:.1f} % through the "
        f"checkpoint: {difference:+.1f} points [{low:+.1f}, {high:+.1f}], paired; {n} images"
    )
    passed = -difference <= max_drop_percent
    if passed and -low > max_drop_percent:
        finding += f"; too few to rule out a loss of {max_drop_percent:g}"
    if changed:
        finding += f"; {changed}"
    return Gate("accuracy", "pass" if passed else "fail", finding, dict(numbers))
