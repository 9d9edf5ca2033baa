"""Coarse labels of Places365's scenes, from its own table of three levels.

The table is the "scene hierarchy" that the set's page links, saved as CSV: a row that names the
levels, a row that starts with ``category`` and names their groups, and a row for each scene, in
quotes as ``'/a/apartment_building/outdoor'``, with 1 in the column of every group that it is in. A
scene in several groups of a level is taken to be in the first (not in any paper; ours): the table
orders its groups so that the levels are a tree then.

Source:
    Cole et al., section C.3: 365 scenes, 16 groups ("Depth 1"), and 3 ("Depth 0").
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path

from edgessl.data.places import scene_name
from edgessl.errors import UserError

FILES = ("Scene hierarchy - Places365.csv", "scene_hierarchy_places365.csv")
"""What the table is called where it is downloaded from, and by others."""
COARSE, MIDDLE = "depth-0", "depth-1"
"""Indoor, outdoor and natural, or outdoor and man-made; and the groups within."""
_TOP = ("indoor", "outdoor, natural", "outdoor, man-made")
_FIRST = "category"
_SEARCHED = 5  # rows that may stand before the groups' names
_SHOWN = 5

Labels = dict[str, str]


def is_scene_table(path: Path) -> bool:
    """Tell whether a CSV file is laid out so.

    Args:
        path: A file that can be read.
    """
    return _heading(_rows(path)) is not None


def scene_levels(path: Path, classes: Collection[str]) -> dict[str, Labels]:
    """Read both levels above the scenes, the coarsest first.

    Args:
        path: The table.
        classes: Scenes that need labels, as ``edgessl.data.places`` calls them; the table may have
            others.

    Returns:
        By level, the label of every class.

    Raises:
        UserError: It is no such table, lacks scenes, or has one of them in no group; mistakes are
            listed.
    """
    rows = _rows(path)
    start = _heading(rows)
    if start is None:
        raise UserError(
            f"{path}: must have a row that starts with {_FIRST} and names {'; '.join(_TOP)}, found "
            "none; save the sheet as CSV again"
        )
    names = [cell.strip() for cell in rows[start]]
    of_level = {
        COARSE: [place for place, name in enumerate(names) if name in _TOP],
        MIDDLE: [place for place, name in enumerate(names)
                 if place and name and name not in _TOP],
    }  # fmt: skip
    found: dict[str, Labels] = {level: {} for level in of_level}
    mistakes = []
    for number, cells in enumerate(rows[start + 1 :], start + 2):
        scene = scene_name(cells[0].strip().strip("'\"")) if cells else ""
        if scene not in classes:
            continue
        for level, places in of_level.items():
            group = next((names[one] for one in places if _marked(cells, one)), None)
            if group is None:
                mistakes.append(f"row {number}: '{scene}' must have a 1 in a column of {level}")
            else:
                found[level].setdefault(scene, group)
    if not mistakes:
        missing = [name for name in classes if name not in found[COARSE]]
        mistakes += [f"no row for the scene '{name}'" for name in missing]
    if mistakes:
        lines = "".join(f"\n  {one}" for one in mistakes[:_SHOWN])
        more = f"\n  and {len(mistakes) - _SHOWN} more" if len(mistakes) > _SHOWN else ""
        raise UserError(f"{path}: {len(mistakes)} mistake(s){lines}{more}")
    return found


def _marked(cells: Sequence[str], place: int) -> bool:
    return place < len(cells) and cells[place].strip().upper() in ("1", "1.0", "TRUE")


def _heading(rows: Sequence[Sequence[str]]) -> int | None:
    """Return the number of the row that names the groups; None where there is none."""
    for number, cells in enumerate(rows[:_SEARCHED]):
        names = [cell.strip() for cell in cells]
        if names and names[0].lower() == _FIRST and set(_TOP) <= {*names}:
            return number
    return None


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            return [*csv.reader(text)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: must be a CSV file in UTF-8, got: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: must be readable, got '{error.strerror}'") from error
