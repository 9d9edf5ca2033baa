"""From a folder of images and masks to a set: paired, checked, divided."""

from __future__ import annotations

from pathlib import Path

from edgessl.data.decode import BadImage, digest_of, read_bytes
from edgessl.data.parallel import Progress, ordered_map
from edgessl.data.tree import SUFFIXES
from edgessl.data.verify import Verified, verify
from edgessl.dense.images import SplitName
from edgessl.dense.masks.masked import MaskedImage, MaskSet, read_mask
from edgessl.errors import UserError
from edgessl.files import expanded
from edgessl.names import trouble_with

IMAGES, MASKS, CLASSES = "images", ("masks", "labels"), "classes.txt"
MIN_IMAGES = 10
TEST_PERCENT, VAL_PERCENT = 20, 10
MOST_CLASSES = 255
LAYOUT = (
    "images/ and masks/ with files of the same names, in the folder or in train/, val/ and test/"
)


def has_masks(source: str | Path) -> bool:
    """Tell whether a source is a folder of images with masks.

    Args:
        source: What the user passed.
    """
    folder = expanded(source)
    return folder.is_dir() and (folder / CLASSES).is_file() and bool(_places(folder))


def load_masks(source: str | Path, progress: Progress | None = None) -> MaskSet:
    """Read a set of images with masks.

    Args:
        source: A folder with ``classes.txt``, a class a line, and ``LAYOUT``.
        progress: Called with (done, total) while images are read.

    Raises:
        UserError: It is no such folder, or holds too little.
    """
    folder = expanded(source).absolute()
    if not has_masks(folder):
        raise UserError(
            f"{source}: must be a folder with {CLASSES}, a class a line, and {LAYOUT}, got "
            "another; name the classes or check the path"
        )
    classes = _classes(folder / CLASSES)
    left_out: list[tuple[str, str]] = []
    pairs = [
        (image, mask, split) for place, split in _places(folder)
        for image, mask in _pairs(place, left_out)
    ]  # fmt: skip
    verified = verify([image for image, _, _ in pairs], progress)
    found: list[tuple[MaskedImage, SplitName | None]] = []
    known: set[str] = set()
    looked = ordered_map(lambda one: _look(one[0][1], one[1], len(classes)),
                         zip(pairs, verified, strict=True))  # fmt: skip
    for (image, mask, split), one, (digest, trouble) in zip(pairs, verified, looked, strict=True):
        reason = one.reason or trouble
        if not reason and one.digest in known:
            reason = "the same content as another image"
        if reason:
            left_out.append((str((image if one.reason else mask).relative_to(folder)), reason))
            continue
        known.add(one.digest)
        found.append((MaskedImage(image, one.digest, one.height, one.width, mask, digest), split))
    if len(found) < MIN_IMAGES:
        shown = "".join(f"\n  {where}: {why}" for where, why in left_out[:5])
        raise UserError(
            f"{folder}: must hold at least {MIN_IMAGES} usable images with masks, got "
            f"{len(found)}; add some{shown}"
        )
    sides, notes = _divided(found)
    return MaskSet(
        folder.name, str(folder), "images/ and masks/", classes, tuple(sides["train"]),
        tuple(sides["val"]), tuple(sides["test"]), tuple(left_out), tuple(notes),
    )  # fmt: skip


def _places(folder: Path) -> list[tuple[Path, SplitName | None]]:
    """Return the folders that hold images beside masks, each with its split."""
    names: tuple[tuple[str, SplitName | None], ...] = (
        ("", None), ("train", "train"), ("val", "val"), ("valid", "val"), ("test", "test"),
    )  # fmt: skip
    return [
        (folder / name, split) for name, split in names
        if (folder / name / IMAGES).is_dir() and _masks_of(folder / name) is not None
    ]  # fmt: skip


def _masks_of(place: Path) -> Path | None:
    return next((place / name for name in MASKS if (place / name).is_dir()), None)


def _classes(path: Path) -> tuple[str, ...]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    names = tuple(line.strip() for line in lines if line.strip())
    wrong = [name for name in names if trouble_with(name)]
    if not 2 <= len(names) <= MOST_CLASSES or len({*names}) < len(names) or wrong:
        raise UserError(
            f"{path}: must name 2 to {MOST_CLASSES} different classes, one a line, got "
            f"{len(names)}{f' and {wrong[0]!a}' if wrong else ''}; repair it"
        )
    return names


def _pairs(place: Path, left_out: list[tuple[str, str]]) -> list[tuple[Path, Path]]:
    folder = _masks_of(place)
    assert folder is not None  # it was looked for
    masks = {path.stem: path for path in sorted(folder.iterdir())
             if path.suffix.lower() in SUFFIXES}  # fmt: skip
    pairs = []
    for path in sorted((place / IMAGES).iterdir()):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in masks:
            pairs.append((path, masks[path.stem]))
        else:
            left_out.append((f"{place.name}/{IMAGES}/{path.name}", "no mask has its name"))
    return pairs


def _look(mask: Path, image: Verified, classes: int) -> tuple[str, str]:
    """Return the digest of a mask, and what is wrong with it; empty if nothing is."""
    try:
        digest = digest_of(read_bytes(mask))
        height, width = read_mask(mask, classes).shape
    except (BadImage, UserError) as error:
        return "", str(error).partition(": ")[2] or str(error)
    if not image.reason and (height, width) != (image.height, image.width):
        told = f"{width} x {height} px, but its image {image.width} x {image.height}"
        return digest, told
    return digest, ""


def _divided(
    found: list[tuple[MaskedImage, SplitName | None]],
) -> tuple[dict[SplitName, list[MaskedImage]], list[str]]:
    """Give every image a split: the folder's, else by a hash of its content."""
    sides: dict[SplitName, list[MaskedImage]] = {"train": [], "val": [], "test": []}
    for image, split in found:
        sides[split or "train"].append(image)
    notes = []
    if not sides["test"] and sides["val"]:
        sides["test"], sides["val"] = sides["val"], []
        notes.append("There is no test split: val is held out as the test.")
    for name, percent in (("test", TEST_PERCENT), ("val", VAL_PERCENT)):
        side = sides["test"] if name == "test" else sides["val"]
        if side:
            continue
        order = sorted(sides["train"], key=lambda image: image.digest)
        count = max(1, len(order) * percent // 100)
        side += order[:count]
        sides["train"] = sorted(order[count:], key=lambda image: image.path)
        notes.append(f"{count} images of train, {percent} %, are held out as {name}.")
    return sides, notes
