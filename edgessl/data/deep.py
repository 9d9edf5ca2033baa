"""Images of more than 8 bits a channel: their stored values, and what they are in 8 bits.

Pillow keeps the upper byte of 16-bit colours only, which leaves nothing of 8 or 12 bits in such a
file. Its decoder of the other byte order finds the lower byte where it looks for the upper one, so
a second pass brings that.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.data.value_range import Kind, Range, Values

_BAND_PIXELS = 2**20
_SAMPLED = 2**16  # values of an image that its quantiles are taken of
_ONE_OF = 0.001
_NATIVE_OTHER = ";16B" if sys.byteorder == "little" else ";16L"
_OTHER_ORDER = {";16B": ";16L", ";16L": ";16B", ";16N": _NATIVE_OTHER}

Open = Callable[[io.BytesIO], Image.Image]


class Undefined(ValueError):
    """Pixels that are no numbers."""


class DeepImage:
    """One image with its stored values. Bands of it are read, so that little memory is taken.

    Args:
        image: As decoded: of mode ``I…`` or ``F``, or the upper bytes of 16-bit colours.
        lower: The lower bytes, with as many channels as ``image``; None for grey.
    """

    def __init__(self, image: Image.Image, lower: Image.Image | None = None) -> None:
        self.image = image
        self._lower = lower
        self.kind: Kind = "floats" if image.mode == "F" else "integers"

    def values(self) -> Values:
        """Look at all values.

        Raises:
            Undefined: Some are infinite or undefined.
        """
        low, high, sampled = np.inf, -np.inf, []
        width, height = self.image.size
        step = max(1, width * height // _SAMPLED)
        for stored, _, _ in self._bands():
            if not np.isfinite(stored).all():
                raise Undefined("holds infinite or undefined pixel values")
            low, high = min(low, float(stored.min())), max(high, float(stored.max()))
            sampled.append(stored.reshape(-1)[::step])
        least, most = np.quantile(np.concatenate(sampled), (_ONE_OF, 1 - _ONE_OF), method="nearest")
        return Values(self.kind, low, high, float(least), float(most))

    def to_rgb(self, scale: Range) -> Image.Image:
        """Scale to 8 bits; what lies outside is clipped, transparency lies on white.

        Args:
            scale: The values that become 0 and 255.
        """
        low, high = scale
        whole = Image.new("RGB", self.image.size)
        for stored, alpha, top in self._bands():
            unit = (stored.astype(np.float64) - low) * (255.0 / (high - low))
            scaled = np.rint(unit.clip(0.0, 255.0)).astype(np.uint8)
            band = Image.fromarray(scaled).convert("RGB")
            if alpha is not None:
                white = Image.new("RGBA", band.size, "white")
                band.putalpha(Image.fromarray(alpha))
                band = Image.alpha_composite(white, band).convert("RGB")
            whole.paste(band, (0, top))
        return whole

    def _bands(self) -> Iterator[tuple[NDArray[Any], NDArray[np.uint8] | None, int]]:
        """Yield values ``(rows, W)`` or ``(rows, W, 3)``, opacity ``(rows, W)`` and first row."""
        width, height = self.image.size
        rows = max(1, _BAND_PIXELS // width)
        for top in range(0, height, rows):
            box = (0, top, width, min(top + rows, height))
            upper = np.asarray(self.image.crop(box))
            if self._lower is None:
                yield upper, None, top
                continue
            stored = (upper.astype(np.uint16) << 8) | np.asarray(self._lower.crop(box))
            if stored.shape[2] == 2:  # grey with opacity
                yield stored[..., 0], upper[..., 1].copy(), top
            else:
                yield stored[..., :3], (upper[..., 3].copy() if upper.shape[2] == 4 else None), top


def is_deep(image: Image.Image) -> bool:
    """Tell whether an opened image has more than 8 bits a channel that Pillow would not keep."""
    if image.mode.startswith(("I", "F")):
        return True
    return "transparency" not in image.info and _is_wide(image)


def deep_of(image: Image.Image, content: bytes, again: Open) -> DeepImage | None:
    """Read the stored values of an image, if it has more than 8 bits a channel.

    Args:
        image: Opened, and not yet loaded; it may be loaded afterwards.
        content: The file.
        again: Opens it once more.
    """
    if image.mode.startswith(("I", "F")):
        image.load()
        return DeepImage(image)
    if not is_deep(image):
        return None
    if image.mode in ("LA", "RGBA") and _rawmode(image) == "LA;16B":
        return _grey_with_opacity(image)
    lower = again(io.BytesIO(content))
    lower_file = cast(Any, lower)
    lower_file.tile = [_in_other_order(tile) for tile in lower_file.tile]
    image.load()
    lower.load()
    return DeepImage(image, lower)


def _is_wide(image: Image.Image) -> bool:
    """Tell 16-bit colours of PNG and TIFF; other formats are scaled by their decoders."""
    wide = tuple(_OTHER_ORDER)
    tiles = getattr(image, "tile", ())
    return image.format in ("PNG", "TIFF") and bool(tiles) and all(
        any(isinstance(word, str) and word.endswith(wide) for word in _words(tile[3]))
        for tile in tiles
    )


def _rawmode(image: Image.Image) -> str:
    return str(_words(cast(Any, image).tile[0][3])[0])


def _words(args: Any) -> tuple[Any, ...]:
    return args if isinstance(args, tuple) else (args,)


def _in_other_order(tile: Any) -> tuple[Any, ...]:
    codec, extents, offset, args = tile
    swapped = tuple(
        word[:-4] + _OTHER_ORDER[word[-4:]]
        if isinstance(word, str) and word[-4:] in _OTHER_ORDER else word
        for word in _words(args)
    )
    return codec, extents, offset, swapped if isinstance(args, tuple) else swapped[0]


def _grey_with_opacity(image: Image.Image) -> DeepImage:
    """Read the four bytes of a pixel as four channels: grey and opacity, the upper byte first."""
    file = cast(Any, image)
    codec, extents, offset, _ = file.tile[0]
    file._mode, file.tile = "RGBA", [(codec, extents, offset, "RGBA")]
    image.load()
    channels = image.split()
    upper, lower = (Image.merge("LA", channels[first::2]) for first in (0, 1))
    for part in (upper, lower):
        part.info.update(image.info)
    return DeepImage(upper, lower)


def eight_bit_values(image: Image.Image) -> Values:
    """Look at an 8-bit RGB image: at its channel that differs most.

    Args:
        image: Of mode RGB.
    """
    counts = np.asarray(image.histogram()).reshape(3, 256)
    total = counts[0].sum()
    shares = counts.cumsum(axis=1) / total
    least = (shares > _ONE_OF).argmax(axis=1)
    most = (shares >= 1 - _ONE_OF).argmax(axis=1)
    channel = int((most - least).argmax())
    there = counts[channel].nonzero()[0]
    return Values("", *(float(v) for v in (there[0], there[-1], least[channel], most[channel])))
