"""Images with several labels each: written in cells, split, and as tables of which class is shown.

Single-label code asks for one class of an image, so that every class is held out in the same share.
Here the rarest class that an image shows stands in for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgessl.data.class_names import class_name
from edgessl.data.dataset import SPLIT_NAMES, Dataset, Split, SplitName, Tags
from edgessl.data.divide import (
    TEST_PERCENT,
    WHAT_VAL_IS_FOR,
    Splits,
    carve,
    carve_groups,
    separate,
)
from edgessl.data.groups import Groups
from edgessl.data.sample import Sample
from edgessl.errors import UserError

MARK = "|"
"""Stands between the labels of a cell; alone it says that an image shows none of the classes."""
MOST_TWICE_BY_MISTAKE = 0.1
"""Share of files up to which rows with different labels are a mistake; not tuned."""
_NONE = ""


def tags_in(cell: str) -> Tags:
    """Read a cell such as ``a|b``; one of marks alone shows none of the classes.

    Args:
        cell: Not empty.
    """
    return Tags(tuple(sorted({class_name(n) for n in map(str.strip, cell.split(MARK)) if n})))


@dataclass(frozen=True, slots=True)
class Written:
    """The labels that a table has for its files.

    Attributes:
        several: Whether images may have several each.
        tags: Labels of each file, where they may.
        note: How they were read; empty where each has one.
    """

    several: bool
    tags: Mapping[Path, Tags]
    note: str


def several_in(cells: Mapping[Path, Sequence[str]], where: str) -> Written:
    """Tell whether the labels of a table are several an image, and read them.

    Args:
        cells: Of each file the cells of its rows, the empty ones left out.
        where: The table, for messages.

    Raises:
        UserError: Some cells hold several labels, and some files have several rows.
    """
    marked = {path: one for path, one in cells.items() if any(MARK in cell for cell in one)}
    torn = [path for path, one in cells.items() if len(set(one)) > 1]
    if marked and torn:
        first = next(cell for one in marked.values() for cell in one if MARK in cell)
        raise UserError(
            f"{where}: must have the labels of an image in one cell, or in a row each, got both: "
            f"a cell {first[:60]!a}, and {len(torn)} file(s) with rows of different labels, such "
            f"as {torn[0].name!a}; write a file once, with all of its labels in the cell"
        )
    if marked:
        tags = {path: tags_in(one[0]) for path, one in cells.items() if one}
        example = max((cell for one in marked.values() for cell in one), key=len)
        return Written(True, tags, f"Cells such as {example[:40]!a} hold the labels of an image.")
    if len(torn) > MOST_TWICE_BY_MISTAKE * len(cells):
        tags = {
            path: Tags(tuple(sorted({class_name(cell) for cell in one})))
            for path, one in cells.items() if one
        }  # fmt: skip
        note = f"All rows of a file are its labels: {len(torn)} of {len(cells)} have several."
        return Written(True, tags, note)
    return Written(False, {}, "")


def with_rarest(splits: Splits, tags: Mapping[Path, Tags]) -> Splits:
    """Give every image with labels the rarest of them, and those that show none an empty one.

    Args:
        splits: The images.
        tags: Labels of those that have some.
    """
    counts = Counter(name for one in tags.values() for name in _all(one))

    def label(path: Path) -> str | None:
        if path not in tags:
            return None
        return min(_all(tags[path]), key=lambda name: (counts[name], name), default=_NONE)

    return {
        name: [Sample(one.digest, label(one.path), one.path) for one in samples]
        for name, samples in splits.items()
    }


def divide_tagged(
    splits: Splits, tags: Mapping[Path, Tags], source: str, val_percent: float, *, official: bool,
    groups: Groups | None = None,
) -> tuple[Splits, list[str]]:
    """Give every image with several labels its split, as ``divide`` does for one label.

    Args:
        splits: The images as their source puts them, from ``with_rarest``.
        tags: Labels of those that have some.
        source: What the user passed, for messages.
        val_percent: Share of train that becomes ``val`` where there is none.
        official: Whether the splits are a benchmark's and stay as they are.
        groups: Images that are held out together; None to hold them out one by one.

    Returns:
        The final splits, and what was decided, one sentence each.

    Raises:
        UserError: No image shows a class, or train shows not all that test shows.
    """
    notes = ["Images may have several labels each; they are scored by mean average precision "
             f"(mAP): edgessl eval CKPT --data {source} --protocol map."]  # fmt: skip
    apart, lost = separate(splits)
    fate = "stay there, as the official split has it" if official else "were dropped from it"
    notes += [
        f"{count} image(s) of {name} are also in another split; they {fate}."
        for name, count in lost.items() if count
    ]
    splits = splits if official else apart
    left_out = sum(one.label is None for name in _SCORED for one in splits[name])
    if left_out:
        notes.append(f"{left_out} test image(s) without a label are left out.")
        kept = {name: [one for one in splits[name] if one.label is not None] for name in _SCORED}
        splits = {**splits, **kept}
    wanted: tuple[tuple[SplitName, float, int], ...] = (
        ("test", TEST_PERCENT, 2), ("val", val_percent, 5),
    )  # fmt: skip
    for name, percent, least in wanted:
        if splits[name] or percent <= 0:
            continue
        if groups:
            splits, what = carve_groups(splits, name, percent, groups, source)
        else:
            splits = carve(splits, name, percent, least)
            what = f"{len(splits[name])} images, {percent:g} % by the rarest class of each"
        why = WHAT_VAL_IS_FOR if name == "val" else "there is no test split."
        notes.append(f"{what}, are held out by content as {name}: {why}")
    _check(source, splits, tags)
    if empty := sum(one.label == _NONE for one in splits["train"]):
        notes.append(f"{empty} training image(s) show none of the classes.")
    return splits, notes


_SCORED: tuple[SplitName, ...] = ("test", "val")


def shown_classes(splits: Splits, tags: Mapping[Path, Tags]) -> tuple[str, ...]:
    """Return the classes that training images show, in alphabetical order.

    Args:
        splits: The final splits.
        tags: Labels of the images.
    """
    return tuple(sorted(_names(splits["train"], tags)))


def kept_tags(splits: Splits, tags: Mapping[Path, Tags]) -> dict[Path, Tags]:
    """Return the labels of images that are used with them.

    Args:
        splits: The final splits.
        tags: Labels of the images.
    """
    paths = {one.path for name in SPLIT_NAMES if name != "unlabeled" for one in splits[name]}
    return {path: one for path, one in tags.items() if path in paths}


def _check(source: str, splits: Splits, tags: Mapping[Path, Tags]) -> None:
    known = _names(splits["train"], tags)
    for name in _SCORED:
        unknown = sorted(_names(splits[name], tags) - known)
        if unknown:
            raise UserError(
                f"{source}: every class of {name} must also be in train, got {len(unknown)} that "
                f"train lacks: {', '.join(unknown)}; rename or remove them"
            )
    if not known:
        raise UserError(
            f"{source}: must have training images that show at least one class, got none that do; "
            "add labels, or read none with --layout flat"
        )


def _names(samples: Iterable[Sample], tags: Mapping[Path, Tags]) -> set[str]:
    return {name for one in samples if one.path in tags for name in _all(tags[one.path])}


def _all(tags: Tags) -> tuple[str, ...]:
    return (*tags.shown, *tags.difficult)


@dataclass(frozen=True, slots=True)
class TagTable:
    """Which classes the images of a split show.

    Attributes:
        shown: ``(N, K)``.
        difficult: Classes that an image shows in difficult ways only: they count as shown in
            training, and neither for nor against a score, ``(N, K)``.
    """

    shown: NDArray[np.bool_]
    difficult: NDArray[np.bool_]

    @property
    def targets(self) -> NDArray[np.bool_]:
        """What is learned, ``(N, K)``."""
        targets: NDArray[np.bool_] = self.shown | self.difficult
        return targets


def tag_table(
    dataset: Dataset, split: Split, classes: Sequence[str] | None = None
) -> TagTable:
    """Return the labels of a split as a table.

    Args:
        dataset: With ``tags``.
        split: Of it.
        classes: Names in the order of the columns; None for the set's own. Others are left out.
    """
    place = {name: k for k, name in enumerate(dataset.classes if classes is None else classes)}

    def table(rows: Sequence[Collection[str]]) -> NDArray[np.bool_]:
        found = np.zeros((len(rows), len(place)), dtype=bool)
        for row, names in enumerate(rows):
            found[row, [place[name] for name in names if name in place]] = True
        return found

    tags = [dataset.tags[path] for path in split.paths]
    return TagTable(table([one.shown for one in tags]), table([one.difficult for one in tags]))


def without_labels(splits: Splits) -> Splits:
    """Take back the label that stood in for an image's several.

    Args:
        splits: The final splits.
    """
    return {
        name: [replace(one, label=None) for one in samples] for name, samples in splits.items()
    }
