"""From an image file to an answer: every step timed, in one process and in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import Metadata
from edgessl.artifact.tables import refuse_preprocess
from edgessl.bench.measure.opened import How, Opened
from edgessl.bench.measure.process import Worker
from edgessl.data.decode import BadImage, read_image
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError

STEPS = ("decode", "preprocess", "core", "post")
TOP = 5


def time_steps(opened: Opened, images: Sequence[Path], times: int, where: str) -> dict[str, Any]:
    """Run image files through a model one by one.

    Args:
        opened: The model.
        images: Files, taken in turns.
        times: Runs in all; a few more go before, untimed.
        where: The model's name, for the message.

    Returns:
        Milliseconds of each run for each of ``STEPS``, and ``preprocess_inside``: whether the file
        does the preprocessing, so that it is part of ``core``.

    Raises:
        UserError: The model does not say its preprocessing, or a file is no image.
    """
    preprocess = None
    if not opened.takes_pixels:
        if not opened.metadata:
            raise UserError(
                f"{where}: must carry edgessl's metadata (preprocessing) for --e2e, got none; "
                "pass a file that `edgessl export` wrote"
            )
        values = Metadata.from_json(opened.metadata, where).preprocess
        refuse_preprocess(values, where)
        preprocess = Preprocess.from_dict(values)
    spent: dict[str, list[float]] = {step: [] for step in STEPS}
    for index in range(-min(3, times), times):
        path = images[index % len(images)]
        try:
            laps = _one(opened, path, preprocess)
        except BadImage as bad:
            raise UserError(f"{path}: must be an image, got: {bad}; leave it out") from bad
        if index >= 0:
            for step, lap in zip(STEPS, laps, strict=True):
                spent[step].append(lap)
    return {"steps_ms": spent, "preprocess_inside": opened.takes_pixels}


def _one(opened: Opened, path: Path, preprocess: Preprocess | None) -> list[float]:
    marks = [time.perf_counter()]
    image = read_image(path)
    marks.append(time.perf_counter())
    if preprocess is None:
        batch: NDArray[Any] = np.asarray(image)[None]  # (1, H, W, 3)
    else:
        batch = preprocess.normalise(preprocess.pixels(image)[None])
    marks.append(time.perf_counter())
    output = opened.call(batch)[0]  # (K,)
    marks.append(time.perf_counter())
    exponents = np.exp(output - output.max())
    shares = exponents / exponents.sum()
    np.argsort(-shares, kind="stable")[:TOP]
    marks.append(time.perf_counter())
    return [1000 * (after - before) for before, after in pairwise(marks)]


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
