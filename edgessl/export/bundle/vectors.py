"""Test vectors: a few images with the answers they must get, to be tried on the device."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.original import Original
from edgessl.data.preprocess import Preprocess
from edgessl.data.value_range import ValueRange
from edgessl.files import atomic_path

MAX_BYTES = 800_000  # of images and pixels; with the outputs of all files under 1 MB
LOOKED_AT = 40  # test images whose shapes are compared
SIZES = ((5, 320), (4, 320), (4, 256), (3, 256), (3, 192), (2, 128), (1, 64))
"""Number of images and their longest side in pixels, from the best to the smallest."""
SHAPES = ((1, 1), (4, 3), (3, 4), (16, 9), (5, 7))
"""Width to height of the images where the data set has one shape only."""
NOISE_SHAPES = ((240, 320), (320, 240), (256, 256), (180, 320), (97, 131))
"""(H, W) where there are no images."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Images to try a network with.

    Attributes:
        images: Upright RGB images, each ``(H, W, 3)`` uint8, of different shapes.
        pixels: The same after resize and crop, ``(N, 3, S, S)`` uint8.
        source: What they are, in words.
    """

    images: tuple[NDArray[np.uint8], ...]
    pixels: NDArray[np.uint8]
    source: str


def make_vectors(files: Sequence[Original], preprocess: Preprocess) -> Vectors:
    """Pick test images of different shapes and shrink them until they fit into the file.

    Args:
        files: Test images; none for noise.
        preprocess: The checkpoint's own.

    Raises:
        UserError: A file is no image, or not what it was when it was listed.
    """
    pictures = _real(files, preprocess.value_range)
    source = "test images of the data set, made smaller" if pictures else "noise, for want of data"
    pictures = pictures or _noise()
    for count, side_px in SIZES:
        chosen = _of_different_shapes(_spread(pictures, count))
        images = [_shrunk(picture, side_px) for picture in chosen]
        vectors = _vectors(images, preprocess, source)
        if len(_packed(_arrays(vectors))) <= MAX_BYTES:
            break
    return vectors


def _vectors(images: Sequence[Image.Image], preprocess: Preprocess, source: str) -> Vectors:
    return Vectors(
        tuple(np.asarray(image, dtype=np.uint8) for image in images),
        np.stack([preprocess.pixels(image) for image in images]),
        source,
    )


def _real(files: Sequence[Original], value_range: ValueRange | None) -> list[Image.Image]:
    """Read some images and sort them by shape, the tallest first."""
    step = max(1, len(files) // LOOKED_AT)
    chosen = files[::step][:LOOKED_AT]
    pictures = [_shrunk(file.read(value_range), SIZES[0][1]) for file in chosen]
    return sorted(pictures, key=lambda picture: picture.width / picture.height)


def _spread(pictures: Sequence[Image.Image], count: int) -> list[Image.Image]:
    """Take ``count`` pictures, from the tallest to the widest."""
    places = np.linspace(0, len(pictures) - 1, min(count, len(pictures))).round().astype(int)
    return [pictures[place] for place in places]


def _of_different_shapes(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Crop images that all have one shape, for a resize that is wrong may be right for squares."""
    if len({picture.width / picture.height for picture in pictures}) > 1:
        return list(pictures)
    cropped = []
    for picture, (wide, high) in zip(pictures, SHAPES, strict=False):
        factor = min(picture.width / wide, picture.height / high)
        cropped.append(picture.crop((0, 0, max(8, int(wide * factor)), max(8, int(high * factor)))))
    return cropped


def _shrunk(picture: Image.Image, side_px: int) -> Image.Image:
    factor = side_px / max(picture.size)
    if factor >= 1:
        return picture
    width, height = (max(8, round(side * factor)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _noise() -> list[Image.Image]:
    """Draw coloured blobs: noise of single pixels is nothing a network ever sees."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (len(NOISE_SHAPES), 9, 9, 3), dtype=np.uint8)
    return [
        Image.fromarray(blobs).resize((width, height), Image.Resampling.BICUBIC)
        for blobs, (height, width) in zip(coarse, NOISE_SHAPES, strict=True)
    ]


def _arrays(vectors: Vectors) -> dict[str, NDArray[Any]]:
    images = {f"image_{number}": image for number, image in enumerate(vectors.images)}
    return {**images, "pixels": vectors.pixels}


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def write_vectors(
    path: Path,
    vectors: Vectors,
    *,
    checkpoint_outputs: NDArray[np.float32],
    outputs: Mapping[str, NDArray[np.float32]],
    rules: Mapping[str, Mapping[str, Any]],
    about: Mapping[str, Any],
) -> None:
    """Write ``testvectors.npz``.

    Args:
        path: Where to write it.
        vectors: The images.
        checkpoint_outputs: What the checkpoint answers, ``(N, K)``.
        outputs: For each model file, what it must answer, ``(N, K)``.
        rules: For each model file ``atol`` and ``rtol``: ``|d| <= atol + rtol * max|expected|``,
            and whose outputs are ``expected``: the ``"checkpoint"``'s, or ``"itself"``.
        about: Head and preprocessing, as plain values.
    """
    document = {
        "images": len(vectors.images), "source": vectors.source, **about,
        "models": {name: dict(rule) for name, rule in rules.items()},
    }  # fmt: skip
    arrays: dict[str, NDArray[Any]] = {
        **_arrays(vectors),
        "outputs": checkpoint_outputs,
        **{f"outputs/{name}": output for name, output in outputs.items()},
        "about": np.array(json.dumps(document, ensure_ascii=False)),
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(_packed(arrays))
