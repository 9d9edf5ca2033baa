"""The evaluation transform, on one image and on many files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.decode import ROOM, BadImage, read_image
from edgessl.data.parallel import Progress, ordered_map
from edgessl.data.value_range import ValueRange
from edgessl.errors import UserError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
"""Pillow's antialiased kernels."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Resize the short side, crop the centre, scale to [0, 1], normalise.

    Attributes:
        resize_px: Short side after the antialiased resize.
        crop_px: Side of the central square that the network sees.
        interpolation: Kernel of the resize.
        mean: Per-channel mean (R, G, B) on the [0, 1] scale.
        std: Per-channel standard deviation on the [0, 1] scale.
        value_range: Stored values that are black and white in files of more than 8 bits a channel,
            as judged over the training images; None where those had 8 bits.
    """

    resize_px: int
    crop_px: int
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    value_range: ValueRange | None = None

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop one RGB image.

        Args:
            image: An RGB image of any size.

        Returns:
            ``(3, crop_px, crop_px)`` uint8. Sizes and offsets follow torchvision's Resize and
            CenterCrop: the long side is truncated, the offset is rounded half to even. The width
            is resampled first and rounded to 8 bits, then the height, whatever the shape.
        """
        width, height = image.size
        short = min(width, height)
        new_width = self.resize_px if width == short else int(self.resize_px * width / short)
        new_height = self.resize_px if height == short else int(self.resize_px * height / short)
        if (new_width, new_height) != (width, height):
            image = _resize(image, new_width, new_height, FILTERS[self.interpolation])
        left = round((new_width - self.crop_px) / 2.0)
        top = round((new_height - self.crop_px) / 2.0)
        image = image.crop((left, top, left + self.crop_px, top + self.crop_px))
        return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))

    def normalise(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn pixels into what the network takes.

        Args:
            pixels: ``(..., 3, H, W)`` uint8.

        Returns:
            The same shape in float32.
        """
        mean = np.asarray(self.mean, dtype=np.float32)[:, None, None]
        std = np.asarray(self.std, dtype=np.float32)[:, None, None]
        scaled: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(255.0)
        return (scaled - mean) / std

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON metadata and checkpoints."""
        plain = {**asdict(self), "mean": list(self.mean), "std": list(self.std)}
        del plain["value_range"]
        if self.value_range is not None:
            plain["value_range"] = self.value_range.to_dict()
        return plain

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocess:
        """Rebuild from ``to_dict``'s values."""
        given = values.get("value_range")
        return cls(**{
            **values, "mean": tuple(values["mean"]), "std": tuple(values["std"]),
            "value_range": None if given is None else ValueRange.from_dict(given),
        })  # fmt: skip


def _resize(
    image: Image.Image, width: int, height: int, kernel: Image.Resampling
) -> Image.Image:
    """Resample one axis after the other.

    Pillow in one call gives the same bits, but for images over about twice as tall as wide: those
    it resamples height first since version 13, and up to 19 levels of fine texture change.
    """
    return image.resize((width, image.height), kernel).resize((width, height), kernel)


def decode_eval(
    paths: Sequence[Path],
    preprocess: Preprocess,
    progress: Progress | None = None,
    *,
    digests: Sequence[str] | None = None,
) -> NDArray[np.uint8]:
    """Decode, resize and crop every file at full precision.

    Args:
        paths: The files.
        preprocess: Resize and crop; its ``normalise`` is left to the caller.
        progress: Called with (done, total).
        digests: SHA-1 of the content each file had when it was listed; None if nobody relies on
            that.

    Returns:
        ``(N, 3, crop_px, crop_px)`` uint8.

    Raises:
        UserError: A file is no usable image, or not what it was.
        EdgesslError: A file cannot be read now.
    """

    def pixels(file: tuple[Path, str | None]) -> NDArray[np.uint8]:
        path, digest = file
        try:
            with ROOM.held():
                image = read_image(path, digest=digest, value_range=preprocess.value_range)
                return preprocess.pixels(image)
        except BadImage as bad:
            raise UserError(f"{path}: must be an image, got: {bad}; replace it") from bad

    out = np.empty((len(paths), 3, preprocess.crop_px, preprocess.crop_px), np.uint8)
    files = zip(paths, digests or repeat(None, len(paths)), strict=True)
    for i, image in enumerate(ordered_map(pixels, files)):
        out[i] = image
        if progress is not None:
            progress(i + 1, len(paths))
    return out
