"""The sets that papers transfer to: where each is found, and what is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.archives import ARCHIVES, Archive
from edgessl.data.cache import cache_part
from edgessl.data.download import download
from edgessl.errors import UserError
from edgessl.files import expanded

_COCO = "http://images.cocodataset.org"


@dataclass(frozen=True, slots=True)
class Part:
    """A set, or a year of one.

    Attributes:
        key: Its folder in the cache and in ``EDGESSL_DATA``.
        bases: Folders that may hold it, relative to where it is looked for; the first is where the
            download puts it.
        needs: What makes up its layout; folders end in a slash.
        archives: What is downloaded; empty if it can only be had by hand.
        page: Where its own files are to be had.
    """

    key: str
    bases: tuple[str, ...]
    needs: tuple[str, ...]
    archives: tuple[Archive, ...]
    page: str

    @property
    def download_mb(self) -> int:
        """Size of the download."""
        return sum(one.size_mb for one in self.archives)


_VOC = ("JPEGImages/", "Annotations/", "ImageSets/Main/trainval.txt")
_PAGE = "http://host.robots.ox.ac.uk/pascal/VOC"
VOC2007 = Part(
    "voc2007", ("VOCdevkit/VOC2007", "VOC2007", ""), (*_VOC, "ImageSets/Main/test.txt"),
    ARCHIVES["voc2007"], f"{_PAGE}/voc2007/",
)  # fmt: skip
VOC2012 = Part(
    "voc2012", ("VOCdevkit/VOC2012", "VOC2012", ""), _VOC,
    # Address and checksum are torchvision's.
    (Archive(f"{_PAGE}/voc2012/VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd",
             2000),), f"{_PAGE}/voc2012/",
)  # fmt: skip
COCO2017 = Part(
    "coco2017", ("", "coco", "COCO"),
    ("train2017/", "val2017/", "annotations/instances_train2017.json",
     "annotations/instances_val2017.json"),
    # The page gives no checksums; these are in a dozen loaders.
    (Archive(f"{_COCO}/zips/train2017.zip", "cced6f7f71b7629ddf16f17bbcfab6b2", 19337),
     Archive(f"{_COCO}/zips/val2017.zip", "442b8da7639aecaf257c1dceb8ba8c80", 816),
     Archive(f"{_COCO}/annotations/annotations_trainval2017.zip",
             "f4bbac642086de4f52a3fdda2de5fa2c", 253)),
    "https://cocodataset.org/#download",
)  # fmt: skip
CITYSCAPES = Part(
    "cityscapes", ("", "Cityscapes"),
    ("leftImg8bit/train/", "leftImg8bit/val/", "gtFine/train/", "gtFine/val/"), (),
    "https://www.cityscapes-dataset.com (leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, "
    "for registered users)",
)  # fmt: skip

BOX_SETS: dict[str, tuple[Part, ...]] = {
    "voc07": (VOC2007,), "voc07+12": (VOC2007, VOC2012), "coco2017": (COCO2017,),
}  # fmt: skip
"""Name after ``--data`` -> its parts, for boxes and instances."""
PIXEL_SETS: dict[str, tuple[Part, ...]] = {"cityscapes": (CITYSCAPES,)}
"""The same for a class of each pixel."""


def about_sets() -> dict[str, str]:
    """Return every name of these sets, with a line about each."""
    found = {}
    for task, sets in (("detect", BOX_SETS), ("segment", PIXEL_SETS)):
        for name, parts in sets.items():
            size = sum(part.download_mb for part in parts)
            got = f"{size} MB download" if size else "from its own page"
            found[name] = f"for finetune --task {task} with a paper's recipe; {got}"
    return found


def find_part(
    part: Part, get: Callable[[str, tuple[Archive, ...], Path, str], None] = download
) -> Path:
    """Find a part: in ``EDGESSL_DATA``, else the cache, else on the network.

    Args:
        part: Which one.
        get: Downloads.

    Raises:
        EdgesslError: It is nowhere on this machine and cannot be downloaded.
        UserError: It can only be had by hand.
    """
    chosen = os.environ.get("EDGESSL_DATA")
    homes = [expanded(chosen) / part.key, expanded(chosen)] if chosen else []
    cached = cache_part("sets") / part.key
    for home in (*homes, cached):
        if base := base_of(part, home):
            return base
    needs = ", ".join(f"{part.bases[0]}/{need}".removeprefix("/") for need in part.needs)
    own = f"put the set's own files, from {part.page}, into {cached} or $EDGESSL_DATA/{part.key}: "
    if not part.archives:
        raise UserError(
            f"{part.key}: must be on this machine, found it neither in {cached} nor in "
            f"$EDGESSL_DATA; {own}{needs}"
        )
    way_out = f"connect to the network ({part.download_mb} MB), or {own}{needs}"
    get(part.key, part.archives, cached, way_out)
    base = base_of(part, cached)
    if base is None:
        raise UserError(f"{cached}: must hold {part.key} after the download, got less; {way_out}")
    return base


def base_of(part: Part, home: Path) -> Path | None:
    """Return the folder in a home that holds a part; None where none does."""
    return next((home / base for base in part.bases
                 if all(_has(home / base, need) for need in part.needs)), None)  # fmt: skip


def _has(base: Path, need: str) -> bool:
    return (base / need).is_dir() if need.endswith("/") else (base / need).is_file()
