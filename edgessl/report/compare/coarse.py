"""Top-1 by coarser labels, where a table of them lies with the images (Cole's Figure A3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.data.hierarchy import FILES, levels_in
from edgessl.errors import UserError
from edgessl.report.compare.classes import recalls
from edgessl.report.compare.row import Row

_FEWEST, _MOST = 2, 24
_DEPTH = 4  # folders between an image and the table


@dataclass(frozen=True, slots=True)
class CoarseGroup:
    """The classes under one coarser label.

    Attributes:
        name: The label.
        classes: How many classes it has with test images.
        n: Their test images.
        shares: By row's name the mean over its classes of the percent that is right.
    """

    name: str
    classes: int
    n: int
    shares: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"group": self.name, "classes": self.classes, "n": self.n,
                "class_mean_top1": self.shares}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coarse:
    """Rows by one level of coarser labels.

    Attributes:
        level: Name of the column.
        groups: By name.
    """

    level: str
    groups: tuple[CoarseGroup, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"level": self.level, "groups": [group.to_dict() for group in self.groups]}


def by_coarse_labels(rows: Sequence[Row]) -> Coarse | None:
    """Average the classes of every coarser label, so that each class counts alike.

    Args:
        rows: Scored on the same images.

    Returns:
        The coarsest level with 2 to 24 labels; None where no table lies with the images, none fits
        these classes, or it is not recorded which classes are right.
    """
    tests = rows[0].tests
    if tests is None or tests.images is None or not tests.images.paths:
        return None
    table = _table(Path(tests.images.paths[0]))
    if table is None:
        return None
    try:
        levels = levels_in(table, tests.classes)
    except UserError:
        return None  # of other classes, or damaged: a comparison does without
    fitting = {
        level: labels for level, labels in levels.items()
        if _FEWEST <= len(set(labels.values())) <= _MOST
    }  # fmt: skip
    if not fitting:
        return None
    level = min(fitting, key=lambda one: len(set(fitting[one].values())))
    groups = _groups(rows, fitting[level])
    return Coarse(level, groups) if groups else None


def _table(image: Path) -> Path | None:
    beside = (folder / name for folder in image.parents[:_DEPTH] for name in FILES)
    return next((path for path in beside if path.is_file()), None)


def _groups(rows: Sequence[Row], labels: dict[str, str]) -> tuple[CoarseGroup, ...]:
    members: dict[str, list[str]] = defaultdict(list)
    for name, label in labels.items():
        members[label].append(name)
    known = {row.name: found for row in rows if (found := recalls(row)) is not None}
    if not known:
        return ()
    counts = {name: n for name, (_, n) in next(iter(known.values())).items()}
    groups = []
    for label, names in sorted(members.items()):
        tested = [name for name in names if name in counts]
        if tested:
            shares = {row: _mean(found, tested) for row, found in known.items()}
            n = sum(counts[name] for name in tested)
            groups.append(CoarseGroup(label, len(tested), n, shares))
    return tuple(groups)


def _mean(found: dict[str, tuple[int, int]], names: Sequence[str]) -> float:
    return sum(100 * found[name][0] / found[name][1] for name in names) / len(names)
