"""A network of a dense task as a function: pixels in, an answer for each image out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgessl.dense.square import Square
from edgessl.dense.task import Answer, Array, Finished, Task

Answers = Callable[[NDArray[np.uint8]], list[Answer]]
"""Pixels under the evaluation transform, ``(B, 3, S, S)``, to an answer for each image."""
Run = Callable[[NDArray[Any]], Array]
"""Normalised images to the raw output."""


def run_of(module: nn.Module, device: torch.device) -> Run:
    """Return a network as a function of normalised images.

    Args:
        module: On the device, in eval mode.
        device: Where it runs.
    """

    def run(images: NDArray[Any]) -> Array:
        with torch.inference_mode():
            output: Array = module(torch.from_numpy(images).to(device)).float().cpu().numpy()
        return output

    return run


def answers_of(run: Run, square: Square, read: Callable[[Array], list[Answer]]) -> Answers:
    """Return a network as a function of pixels.

    Args:
        run: Normalised images to the raw output.
        square: Normalises.
        read: The raw output to an answer for each image.
    """
    return lambda pixels: read(run(square.normalise(pixels)))


def answers_of_finished(task: Task, finished: Finished, device: torch.device) -> Answers:
    """Return the network of a checkpoint as a function of pixels.

    Args:
        task: Its task.
        finished: It; moved to the device.
        device: Where it runs.
    """
    head = task.files.raw

    def read(output: Array) -> list[Answer]:
        return finished.read(head, output, len(output))

    return answers_of(run_of(finished.module.to(device), device), finished.square, read)


def over(
    answers: Answers, pixels: NDArray[np.uint8], batch: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[Answer]:
    """Answer images one batch after the other.

    Args:
        answers: The network.
        pixels: Under the evaluation transform, ``(I, 3, S, S)``.
        batch: Images that are answered together.
        progress: Called with (done, total).
    """
    for first in range(0, len(pixels), batch):
        yield from answers(pixels[first : first + batch])
        progress(min(first + batch, len(pixels)), len(pixels))
