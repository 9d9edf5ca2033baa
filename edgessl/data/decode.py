"""One image file -> one upright 8-bit RGB image, or the reason why it is unusable."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile

from edgessl.data.array_file import MAGIC, image_of_array
from edgessl.data.deep import DeepImage, Undefined, deep_of, eight_bit_values, is_deep
from edgessl.data.room import Room
from edgessl.data.value_range import ValueRange, Values, judge_alone
from edgessl.errors import EdgesslError, UserError

MIN_SIDE_PX = 8
MAX_PIXELS = 89_478_485  # Pillow's own limit: 256 MiB of RGB
MAX_FILE_BYTES = 512 * 2**20

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "DIB", "GIF", "TIFF", "PPM", "JPEG2000")
"""Pillow's decoders that may run. Others start programs (EPS) or are not pictures (HDF5)."""

ROOM = Room(MAX_PIXELS)
"""For the images of all threads that are decoded and made smaller at once."""

_BAND_PIXELS = 2**20
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)
_PILLOWS = ("ignore", None, UserWarning, re.compile(r"PIL\."), 0)  # as ``warnings`` keeps it
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadImage(Exception):
    """A file that cannot be used as an image; the message is the reason, in a few words."""


class Exchanged(UserError):
    """A file whose content is not what it was when it was listed.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path}: must stay as it was when it was listed, got: its content is not what it was; "
            "start again"
        )


def read_image(
    path: Path,
    at_least_px: int | None = None,
    *,
    digest: str | None = None,
    value_range: ValueRange | None = None,
) -> Image.Image:
    """Read one file as an upright RGB image.

    Grey, CMYK, palette, 16-bit, float, transparent (on white) and animated (first frame) images
    are converted; the EXIF orientation is applied.

    Args:
        path: The file.
        at_least_px: If given, a large JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long
            as its shorter side keeps this many pixels. Much faster, and not exact.
        digest: SHA-1 of the content it had when it was listed; None if nobody relies on that.
        value_range: What is black and white where a channel has more than 8 bits, as judged over
            the set; for what it does not know, the file is judged alone.

    Raises:
        BadImage: The file is no usable image.
        UserError: It may not be read, or is not what it was.
        EdgesslError: It cannot be read now, for reasons that say nothing about it.
    """
    content = read_bytes(path, digest)
    with naming(path):
        return decode(content, at_least_px, value_range)[0]


def read_bytes(path: Path, digest: str | None = None) -> bytes:
    """Read a whole regular file.

    Args:
        path: The file.
        digest: SHA-1 of the content it had when it was listed, in hexadecimal; None if nobody
            relies on that.

    Raises:
        BadImage: It is not there, not a file, empty, or far too large for an image.
        UserError: It may not be read, or is not what it was.
        EdgesslError: It cannot be read now, for reasons that say nothing about it.
    """
    with naming(path):
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # opening a named pipe would wait for ever
            raise BadImage("missing, or not a file")
        if status.st_size > MAX_FILE_BYTES:
            raise BadImage(f"larger than {MAX_FILE_BYTES // 2**20} MiB")
        content = path.read_bytes()
    if not content:
        raise BadImage("empty file")
    if digest is not None and digest_of(content) != digest:
        raise Exchanged(path)
    return content


def digest_of(content: bytes) -> str:
    """Return the SHA-1 of a file's content, in hexadecimal: its name among the images."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what fails around a file, and not in it, into one message that names it.

    Args:
        path: The file that is read or decoded.

    Raises:
        BadImage: There is no such file.
        UserError: It may not be read.
        EdgesslError: The disk, a limit of the system or the memory fails.
    """
    try:
        yield
    except MemoryError as error:
        raise EdgesslError(
            f"{path}: must fit into the memory that is free, got 'out of memory'; free some memory "
            "or take this image out, and start again"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _NOT_THERE:
            raise BadImage("missing, or not a file") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise UserError(
                f"{path}: must be readable, got '{reason}'; allow reading it (chmod u+r) or take "
                "it out"
            ) from error
        raise EdgesslError(
            f"{path}: must be readable, got '{reason}', which says nothing about the image; see to "
            "the disk or the limit it names, and start again"
        ) from error


def decode(
    content: bytes, at_least_px: int | None = None, value_range: ValueRange | None = None
) -> tuple[Image.Image, tuple[int, int]]:
    """Decode a file's content.

    Args:
        content: The bytes of the file.
        at_least_px: As in ``read_image``.
        value_range: As in ``read_image``.

    Returns:
        The upright RGB image, and the original upright (height, width) in pixels.

    Raises:
        BadImage: The content is no usable image.
        MemoryError: There is too little memory.
        OSError: The system fails, as by too many open files.
    """
    with _judging():
        image, deep, size = _load(content, at_least_px)
        orientation = _orientation(image)
        if deep is None:
            image = _to_rgb(image)
        else:
            known = value_range.of(deep.kind) if value_range is not None else None
            if known is None or deep.kind == "floats":  # undefined ones are no image
                values = deep.values()
                known = known or judge_alone(values)
            image = deep.to_rgb(known)
        if orientation in _UPRIGHT:
            image = image.transpose(_UPRIGHT[orientation])
    return image, size


def examine(content: bytes) -> tuple[Values, tuple[int, int]]:
    """Decode a file's content as far as it takes to know that it is sound, and look at its values.

    A JPEG is decoded at 1/8 of its size, which still reads every byte of its entropy code.

    Args:
        content: The bytes of the file.

    Returns:
        The values, and the upright (height, width) in pixels.

    Raises:
        BadImage: The content is no usable image.
        MemoryError: There is too little memory.
        OSError: The system fails, as by too many open files.
    """
    with _judging():
        image, deep, size = _load(content, MIN_SIDE_PX)
        values = deep.values() if deep is not None else eight_bit_values(_to_rgb(image))
    return values, size


def _load(
    content: bytes, at_least_px: int | None
) -> tuple[Image.Image, DeepImage | None, tuple[int, int]]:
    """Decode, and return the stored values of more than 8 bits, and the upright (height, width)."""
    _silence_pillow()
    if content.startswith(MAGIC):
        return _load_array(content)
    image = _open(BytesIO(content))
    _check_size(image)
    width, height = image.size
    if at_least_px is not None:
        scale = at_least_px / min(width, height)
        image.draft(None, (int(width * scale) + 1, int(height * scale) + 1))
    ROOM.take(image.width * image.height * (2 if is_deep(image) else 1))
    deep = deep_of(image, content, _open)
    image.load()
    return image, deep, (width, height) if _orientation(image) >= 5 else (height, width)


def _load_array(content: bytes) -> tuple[Image.Image, DeepImage | None, tuple[int, int]]:
    image = image_of_array(content)
    _check_size(image)
    ROOM.take(image.width * image.height)
    return image, None, (image.height, image.width)


@contextmanager
def _judging() -> Iterator[None]:
    """Tell what decoding says of a file from what hinders it."""
    try:
        yield
    except (BadImage, MemoryError):
        raise
    except Exception as error:  # decoders of damaged files raise nearly anything
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system failed, not the decoder
        if isinstance(error, Undefined):
            raise BadImage(str(error)) from error
        if "out of memory" in str(error).lower():  # as Pillow's own codecs say it
            raise MemoryError from error
        raise BadImage(f"cannot be decoded ({_in_short(error)})") from error


def usable_formats() -> tuple[str, ...]:
    """Return which of ``FORMATS`` this build of Pillow can decode."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _silence_pillow() -> None:
    """Keep Pillow's remarks on odd metadata (a damaged EXIF block) off the screen.

    For the whole process and for good, because changing filters for a while would race with the
    threads that decode.
    """
    if _PILLOWS not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def _open(file: BinaryIO) -> Image.Image:
    """Find the decoder as ``Image.open`` does, but leave its bomb check, which warns globally."""
    Image.init()
    prefix = file.read(16)
    for name in FORMATS:
        if name not in Image.OPEN:
            continue
        factory, accepts = Image.OPEN[name]
        accepted = accepts(prefix) if accepts else True
        if accepted and not isinstance(accepted, str):
            file.seek(0)
            image: ImageFile.ImageFile = factory(file, "")
            return image
    raise BadImage("not an image")


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE_PX:
        raise BadImage(f"{width}x{height}: shorter side under {MIN_SIDE_PX} px")
    if width * height > MAX_PIXELS:
        raise BadImage(f"{width}x{height}: over {MAX_PIXELS // 10**6} million pixels")


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a damaged EXIF block says nothing; the pixels are fine
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        return _on_white_in_bands(image)
    return image.convert("RGB")


def _on_white_in_bands(image: Image.Image) -> Image.Image:
    """Convert some rows at a time, so that what lies between takes no memory to speak of."""
    whole = Image.new("RGB", image.size)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        white = Image.new("RGBA", band.size, "white")
        whole.paste(Image.alpha_composite(white, band.convert("RGBA")).convert("RGB"), (0, top))
    return whole


def _in_short(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 80 else words[:77] + "..."
