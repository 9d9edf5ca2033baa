"""From what a user names as data to the images that a segmenter is transferred to."""

from __future__ import annotations

from pathlib import Path

from edgessl.data.parallel import Progress
from edgessl.dense.masks.load import load_masks
from edgessl.dense.transfer.cityscapes import is_cityscapes, read_cityscapes
from edgessl.dense.transfer.pixels import PixelSet, lookup_of
from edgessl.dense.transfer.sets import BOX_SETS, PIXEL_SETS, find_part
from edgessl.errors import UserError, nearest
from edgessl.files import expanded


def load_pixels(source: str | Path, progress: Progress | None = None) -> PixelSet:
    """Read images with a class for each pixel.

    Args:
        source: ``cityscapes``, a folder in its layout, or one of images and masks.
        progress: Called with (done, total) while images are read.

    Raises:
        UserError: It names nothing that can be used.
    """
    name = str(source)
    if name in PIXEL_SETS:
        (part,) = PIXEL_SETS[name]
        return read_cityscapes(name, name, find_part(part), progress)
    folder = expanded(source).absolute()
    if not folder.is_dir():
        other = "; it is for --task detect" if name in BOX_SETS else nearest(name, PIXEL_SETS)
        raise UserError(
            f"--data: must be {', '.join(PIXEL_SETS)} or a folder with masks, got '{name}'{other}"
        )
    if is_cityscapes(folder):
        return read_cityscapes(folder.name, str(folder), folder, progress)
    masks = load_masks(folder, progress)
    return PixelSet(
        masks.name, masks.source, masks.layout, masks.classes, (*masks.train, *masks.val), (),
        masks.test, masks.left_out,
        (*masks.notes, "val is trained on too: nothing is chosen on it."),
        lookup_of({i: i for i in range(len(masks.classes))}),
    )  # fmt: skip
