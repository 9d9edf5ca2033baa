"""The contact sheet: some images, and the views of them that the network had to match."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.report.folder import SavedViews

MOST_IMAGES = 8
_MOST_VIEWS = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """An image inside the page.

    Attributes:
        source: Its ``data:`` address.
        text: What it shows.
        kind: ``"original"``, ``"global"`` or ``"local"``.
        px: Side of the stored image.
    """

    source: str
    text: str
    kind: str
    px: int


def contact_sheet(views: SavedViews) -> list[list[Picture]]:
    """Return one row of pictures per image: the original, its global views, its local views.

    Args:
        views: At least one image.
    """
    rows = []
    for index in range(min(MOST_IMAGES, len(views.originals))):
        row = [_picture(views.originals[index], f"image {index + 1}", "original")]
        for kind, group in views.groups.items():
            row += [
                _picture(view, f"{kind} view {number + 1} of image {index + 1}", kind)
                for number, view in enumerate(group[index][:_MOST_VIEWS])
            ]
        rows.append(row)
    return rows


def _picture(pixels: NDArray[np.uint8], text: str, kind: str) -> Picture:
    buffer = BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    # Chroma subsampling would smear the colours of small views.
    image.save(buffer, "JPEG", quality=88, subsampling=0)
    source = "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")
    return Picture(source, text, kind, int(pixels.shape[-1]))
