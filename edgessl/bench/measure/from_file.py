"""How long models take from an image file to an answer, measured in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.bench.measure.opened import How
from edgessl.bench.measure.process import Worker
from edgessl.errors import UserError

RUNS, TURN_RUNS = 60, 5
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
MOST_IMAGES = 32


def find_images(given: Path | None) -> list[Path]:
    """Return some images, spread over a folder.

    Args:
        given: An image or a folder; None for none.

    Raises:
        UserError: There are none in it.
    """
    if given is None:
        return []
    found = [given] if given.is_file() else sorted(
        path for path in given.rglob("*") if path.suffix.lower() in SUFFIXES
    )  # fmt: skip
    if not found:
        raise UserError(
            f"--e2e: must be an image or a folder of images, got '{given}'; check the path"
        )
    stride = max(1, len(found) // MOST_IMAGES)
    return found[::stride][:MOST_IMAGES]


def end_to_end(
    paths: Sequence[Path], how: How, images: Sequence[Path], say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Time every step from a file to an answer.

    Args:
        paths: Files of models.
        how: On what to run them.
        images: Files, taken in turns.
        say: Called with the name of the step.

    Returns:
        For each model the median of each step, ``decode_p50_ms preprocess_p50_ms core_p50_ms
        post_p50_ms total_p50_ms``, and each run's in ``steps_ms``.

    Raises:
        UserError: A model does not say its preprocessing, or a file is no image.
    """
    say(f"from file to answer, {len(images)} image(s)")
    workers: list[Worker] = []
    parts: list[list[dict[str, Any]]] = [[] for _ in paths]
    try:
        for path in paths:
            workers.append(Worker(path, how))
        order = list(range(len(paths)))
        for turn in range(RUNS // TURN_RUNS):
            start = turn * TURN_RUNS % len(images)
            rotated = [*images[start:], *images[:start]]
            for index in order:
                parts[index].append(workers[index].end_to_end(rotated, TURN_RUNS))
            order.reverse()
    finally:
        for worker in workers:
            worker.close()
    return [_steps(path, own, len(images)) for path, own in zip(paths, parts, strict=True)]


def _steps(path: Path, parts: Sequence[dict[str, Any]], images: int) -> dict[str, Any]:
    spent = {
        step: [run for part in parts for run in part["steps_ms"][step]]
        for step in parts[0]["steps_ms"]
    }
    totals = np.sum(list(spent.values()), axis=0)
    return {
        "path": str(path), "name": path.name, "images": images, "runs": len(totals),
        "preprocess_inside": parts[0]["preprocess_inside"],
        **{f"{step}_p50_ms": float(np.median(runs)) for step, runs in spent.items()},
        "total_p50_ms": float(np.median(totals)), "steps_ms": spent,
    }  # fmt: skip
