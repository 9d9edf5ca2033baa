"""Cityscapes with fine annotations, in its own folders: trained on ``train``, tested on ``val``.

Source:
    Cordts et al. 2016, arXiv:1604.01685; names and training ids: its own scripts.
"""

from __future__ import annotations

from pathlib import Path

from edgessl.data.decode import BadImage, digest_of, read_bytes
from edgessl.data.parallel import Progress, ordered_map
from edgessl.data.verify import verify
from edgessl.dense.masks.masked import MaskedImage
from edgessl.dense.transfer.pixels import PixelSet, lookup_of
from edgessl.errors import UserError

_IMAGES, _MASKS = "_leftImg8bit.png", "_gtFine_labelIds.png"
_IDS: dict[int, str] = {
    7: "road", 8: "sidewalk", 11: "building", 12: "wall", 13: "fence", 17: "pole",
    19: "traffic light", 20: "traffic sign", 21: "vegetation", 22: "terrain", 23: "sky",
    24: "person", 25: "rider", 26: "car", 27: "truck", 28: "bus", 31: "train", 32: "motorcycle",
    33: "bicycle",
}  # fmt: skip
"""Label id in the files -> class that is evaluated, in order; all other ids are void."""


def is_cityscapes(folder: Path) -> bool:
    """Tell whether a folder has the layout."""
    return all((folder / kind / side).is_dir() for kind in ("leftImg8bit", "gtFine")
               for side in ("train", "val"))  # fmt: skip


def read_cityscapes(
    name: str, source: str, folder: Path, progress: Progress | None = None
) -> PixelSet:
    """Read the set.

    Args:
        name: Short name.
        source: What the user passed.
        folder: Holds ``leftImg8bit`` and ``gtFine``.
        progress: Called with (done, total) while images are read.

    Raises:
        UserError: A side has no image, or an image has no annotation.
    """
    sides = {side: _pairs(folder, side) for side in ("train", "val")}
    flat = [pair for pairs in sides.values() for pair in pairs]
    verified = verify([image for image, _ in flat], progress)
    digests = list(ordered_map(_digest, [mask for _, mask in flat]))
    left_out, found = [], dict[Path, MaskedImage]()
    for (image, mask), one, digest in zip(flat, verified, digests, strict=True):
        if one.reason:
            left_out.append((str(image), one.reason))
        else:
            found[image] = MaskedImage(image, one.digest, one.height, one.width, mask, digest)
    train, test = (
        tuple(found[image] for image, _ in sides[side] if image in found)
        for side in ("train", "val")
    )
    return PixelSet(
        name, source, "Cityscapes (fine)", tuple(_IDS.values()), train, (), test, tuple(left_out),
        ("Tested on val, as in the papers; 19 classes are learned and judged by.",),
        lookup_of({value: label for label, value in enumerate(_IDS)}),
    )


def _pairs(folder: Path, side: str) -> list[tuple[Path, Path]]:
    images = sorted((folder / "leftImg8bit" / side).glob(f"*/*{_IMAGES}"))
    if not images:
        raise UserError(
            f"{folder / 'leftImg8bit' / side}: must hold CITY/*{_IMAGES}, found none; unpack the "
            "set again"
        )
    pairs = []
    for image in images:
        name = image.name.removesuffix(_IMAGES) + _MASKS
        mask = folder / "gtFine" / side / image.parent.name / name
        if not mask.is_file():
            raise UserError(
                f"{mask}: must be there, the annotation of {image.name}, found no such file; "
                "unpack gtFine again"
            )
        pairs.append((image, mask))
    return pairs


def _digest(path: Path) -> str:
    try:
        return digest_of(read_bytes(path))
    except BadImage as bad:
        raise UserError(f"{path}: must be readable, got: {bad}; unpack gtFine again") from bad
