"""PASCAL VOC as the papers use it: trained on ``trainval``, of 2007 or of both years."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgessl.data.parallel import Progress
from edgessl.data.tree import SUFFIXES
from edgessl.data.voc import ANNOTATIONS, IMAGES, LISTS, is_voc, read_annotation, read_list
from edgessl.dense.boxes.read_voc import listed_box
from edgessl.dense.transfer.drafts import Draft, DraftObject, Side, set_of
from edgessl.dense.transfer.scenes import SceneSet
from edgessl.errors import UserError

YEARS = ("VOC2007", "VOC2012")
LAYOUT = "PASCAL VOC (XML)"


def years_in(folder: Path) -> tuple[Path, ...]:
    """Return the years in a ``VOCdevkit``; empty where it is none, or lacks 2007."""
    found = tuple(folder / year for year in YEARS if is_voc(folder / year))
    return found if found and found[0].name == YEARS[0] else ()


def has_lists(folder: Path) -> bool:
    """Tell whether a folder is of the layout and lists ``trainval`` and ``test``."""
    lists = folder / LISTS
    return is_voc(folder) and all((lists / f"{one}.txt").is_file() for one in ("trainval", "test"))


def read_years(
    name: str, source: str, folders: Sequence[Path], progress: Progress | None = None
) -> SceneSet:
    """Read ``trainval`` of all folders and ``test`` of the first.

    Args:
        name: Short name.
        source: What the user passed.
        folders: Of the years, each with its lists.
        progress: Called with (done, total) while images are read.

    Raises:
        UserError: A file that a list names is missing or no annotation.
    """
    drafts = [one for folder in folders for one in _side(folder, "trainval", "train")]
    drafts += _side(folders[0], "test", "test")
    notes = [f"Trained on trainval of {' and '.join(one.name for one in folders)}; difficult "
             "objects are learned and not judged by."]  # fmt: skip
    return set_of(name, source, LAYOUT, drafts, notes=notes, progress=progress)


def _side(folder: Path, name: str, side: Side) -> list[Draft]:
    path = folder / LISTS / f"{name}.txt"
    if not path.is_file():
        raise UserError(f"{path}: must list the images of {name}, found no such file; copy the set "
                        "again")  # fmt: skip
    pictures = {one.stem: one for one in (folder / IMAGES).iterdir()
                if one.suffix.lower() in SUFFIXES}  # fmt: skip
    return [_draft(folder, image, pictures, path, side) for image in read_list(path)]


def _draft(
    folder: Path, image: str, pictures: dict[str, Path], listed: Path, side: Side
) -> Draft:
    file = folder / ANNOTATIONS / f"{image}.xml"
    picture = pictures.get(image)
    if picture is None or not file.is_file():
        missing = file if picture is not None else folder / IMAGES / f"{image}.jpg"
        raise UserError(
            f"{missing}: must be there, because {listed} lists it, found no such file; copy the "
            "set again, or take it off the list"
        )
    objects = enumerate(read_annotation(file).objects, start=1)
    return Draft(picture, side, tuple(
        DraftObject(listed_box(one, f"{file.name}, box {i}")) for i, one in objects
    ))  # fmt: skip
