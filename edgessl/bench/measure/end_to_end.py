"""From an image file to an answer, each step timed: decode, preprocess, core, post."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import Metadata
from edgessl.bench.measure.opened import Opened
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
        preprocess = Preprocess.from_dict(Metadata.from_json(opened.metadata, where).preprocess)
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
