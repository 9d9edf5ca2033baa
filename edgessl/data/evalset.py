"""Images as the exported network sees them: original files through the exact preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgessl.data.decode import BadImage, read_image
from edgessl.data.parallel import Progress, ordered_map
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError


def decode_eval(
    paths: Sequence[Path], preprocess: Preprocess, progress: Progress | None = None
) -> NDArray[np.uint8]:
    """Decode, resize and crop every file at full precision.

    Args:
        paths: The files.
        preprocess: Resize and crop; its ``normalise`` is left to the caller.
        progress: Called with (done, total).

    Returns:
        ``(N, 3, crop_px, crop_px)`` uint8.

    Raises:
        UserError: A file is no usable image.
    """

    def pixels(path: Path) -> NDArray[np.uint8]:
        try:
            return preprocess.pixels(read_image(path))
        except BadImage as bad:
            raise UserError(f"{path}: must be an image, got: {bad}; replace it") from bad

    out = np.empty((len(paths), 3, preprocess.crop_px, preprocess.crop_px), np.uint8)
    for i, image in enumerate(ordered_map(pixels, paths)):
        out[i] = image
        if progress is not None:
            progress(i + 1, len(paths))
    return out
