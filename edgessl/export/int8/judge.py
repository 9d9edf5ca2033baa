"""How an int8 candidate is judged: on ``val``, beside the float network."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact.session import open_session


def open_model(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Open a model that has one input and one output.

    Args:
        model: An ``onnx.ModelProto``.

    Returns:
        Normalised images ``(B, 3, H, W)`` to the output ``(B, K)``.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, str(path))
        session = open_session(path)
    name = session.get_inputs()[0].name

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        output: NDArray[np.float32] = session.run(None, {name: images})[0]
        return output

    return run


Images = NDArray[np.float32]
Run = Callable[[Images], NDArray[np.float32]]
Rule = Literal["top-1", "agreement", "cosine"]
CHUNK = 32  # images run at a time, which bounds memory


@dataclass(frozen=True)
class Judge:
    """Marks every image from 0 to 1.

    Attributes:
        rule: ``"top-1"``: the answer is right; ``"agreement"``: it is the fp32 file's;
            ``"cosine"``: between the output and the fp32 file's, for features.
        pixels: ``(N, 3, H, W)`` uint8.
        labels: Classes, ``(N,)``, for ``"top-1"``.
        normalise: Pixels to what the network takes.
        expected: The fp32 file's outputs, ``(N, K)``.
        where: The images in words.
    """

    rule: Rule
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    normalise: Callable[[NDArray[np.uint8]], Images]
    expected: NDArray[np.float32]
    where: str

    @property
    def what(self) -> str:
        """What a mark means, in words."""
        return f"{self.rule} on {len(self.pixels)} {self.where}"

    def marks(self, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mark outputs ``(N, K)``; ``(N,)``."""
        if self.rule == "cosine":
            product = (outputs * self.expected).sum(axis=1)
            lengths = np.linalg.norm(outputs, axis=1) * np.linalg.norm(self.expected, axis=1)
            return np.asarray(product / np.maximum(lengths, 1e-12), np.float64)
        wanted = self.labels if self.rule == "top-1" else self.expected.argmax(axis=1)
        return np.asarray(outputs.argmax(axis=1) == wanted, np.float64)

    def run(self, run: Run) -> NDArray[np.float32]:
        """Run a network on all images; ``(N, K)``."""
        return np.concatenate([run(batch) for batch in batches(self.pixels, self.normalise)])


def batches(
    pixels: NDArray[np.uint8], normalise: Callable[[NDArray[np.uint8]], Images]
) -> Iterator[Images]:
    """Normalise stored pixels a few images at a time.

    Args:
        pixels: ``(N, 3, H, W)`` uint8.
        normalise: Pixels to what the network takes.
    """
    for start in range(0, len(pixels), CHUNK):
        yield normalise(pixels[start : start + CHUNK])


def lost_percent(
    reference: NDArray[np.float64], marks: NDArray[np.float64]
) -> tuple[float, float]:
    """Compare two sets of marks of the same images.

    Args:
        reference: Marks to be reached, ``(N,)``.
        marks: Marks, ``(N,)``.

    Returns:
        Points lost, in percent, and the standard error of that.
    """
    differences = 100.0 * (reference - marks)
    error = float(differences.std(ddof=1)) / sqrt(len(differences)) if len(differences) > 1 else 0.0
    return float(differences.mean()), error
