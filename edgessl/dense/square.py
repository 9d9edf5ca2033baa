"""The evaluation transform of dense answers: the whole image, resized to a square."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.recipe.dense_table import DenseImageTable

Three = tuple[float, float, float]
_KERNELS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True, slots=True)
class Square:
    """Resizes an image to S x S, whatever its shape, and normalises it.

    Attributes:
        input_px: Side S.
        interpolation: Pillow's antialiased kernel.
        mean: Per-channel mean on the [0, 1] scale.
        std: Per-channel standard deviation.
    """

    input_px: int
    interpolation: Literal["bilinear", "bicubic"]
    mean: Three
    std: Three

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return an upright RGB image as ``(3, S, S)`` uint8."""
        side, kernel = self.input_px, _KERNELS[self.interpolation]
        # One axis after the other: Pillow's own order depends on the shape.
        image = image.resize((side, image.height), kernel).resize((side, side), kernel)
        return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))

    def normalise(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn pixels ``(..., 3, S, S)`` uint8 into what the network takes, float32."""
        mean = np.asarray(self.mean, np.float32)[:, None, None]
        std = np.asarray(self.std, np.float32)[:, None, None]
        scaled: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(255.0)
        return (scaled - mean) / std

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and checkpoints."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def of(cls, table: DenseImageTable) -> Square:
        """Return the transform of a recipe's ``image``."""
        return cls(table.input_px, table.interpolation, table.mean, table.std)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Square:
        """Rebuild from ``to_dict``'s values."""
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})
