"""Places365's own table of scenes gives the 3 and the 16 groups that Cole et al. judge by."""

from __future__ import annotations

from pathlib import Path

import pytest
from large_sets import make_places365

from edgessl.data.hierarchy import find_hierarchy, hierarchy_of, read_hierarchy
from edgessl.data.load import load_dataset
from edgessl.data.scene_table import FILES
from edgessl.errors import UserError

GROUPS = (
    "shopping and dining", "workplace (office building, factory, lab, etc.)", "home or hotel",
    "transportation (vehicle interiors, stations, etc.)", "sports and leisure",
    "cultural (art, education, religion, millitary, law, politics, etc.)", "water, ice, snow",
    "mountains, hills, desert, sky", "forest, field, jungle", "man-made elements",
    "transportation (roads, parking, bridges, boats, airports, etc.)",
    "cultural or historical building/place (millitary, religious)",
    "sports fields, parks, leisure spaces", "industrial and construction",
    "houses, cabins, gardens, and farms",
    "commercial buildings, shops, markets, cities, and towns",
)  # fmt: skip
TOP = ("indoor", "outdoor, natural", "outdoor, man-made")
AIRFIELD = ("'/a/airfield'", (2,), (10,))
FLATS = ("'/a/apartment_building/outdoor'", (2,), (14, 15))
BARN = ("'/b/barn'", (1, 2), (8, 9, 14))


def quoted(cells: list[str]) -> str:
    return ",".join(f'"{cell}"' if "," in cell else cell for cell in cells)


def table(*scenes: tuple[str, tuple[int, ...], tuple[int, ...]]) -> str:
    """The sheet as it is exported: two rows of headings, then 0 and 1."""
    levels = ["", "Level 1", "", "", "Level 2, INDOOR:", *[""] * 5, "Level 2, OUTDOOR NATURAL:",
              *[""] * 3, "Level 2, OUTDOOR MAN-MADE:", *[""] * 5]  # fmt: skip
    rows = [levels, ["category", *TOP, *GROUPS]]
    for name, top, groups in scenes:
        rows.append([name, *(str(int(n in top)) for n in range(3)),
                     *(str(int(n in groups)) for n in range(16))])  # fmt: skip
    return "\r\n".join(map(quoted, rows)) + "\r\n"


def test_the_table_beside_the_set_gives_both_levels(tmp_path: Path) -> None:
    make_places365(tmp_path)
    (tmp_path / FILES[0]).write_text(table(AIRFIELD, FLATS, BARN), encoding="utf-8")
    assert len(GROUPS) == 16
    classes = load_dataset(str(tmp_path)).classes
    assert hierarchy_of(str(tmp_path), classes) == {
        "depth-0": dict.fromkeys(classes, "outdoor, man-made"),
        "depth-1": {"airfield": GROUPS[10], "apartment_building-outdoor": GROUPS[14]},
    }


@pytest.mark.parametrize("name", [*FILES, "mine.csv"])
def test_it_is_known_by_its_rows_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(table(AIRFIELD, FLATS).split("\r\n", 1)[1], encoding="utf-8")  # one heading
    assert find_hierarchy(str(tmp_path), str(path)) == path
    assert read_hierarchy(path, "depth-1", ["airfield"]) == {"airfield": GROUPS[10]}


def test_a_scene_in_several_groups_is_in_the_first(tmp_path: Path) -> None:
    path = tmp_path / FILES[1]
    path.write_text(table(BARN))
    assert read_hierarchy(path, "depth-0", ["barn"]) == {"barn": "outdoor, natural"}
    assert read_hierarchy(path, "depth-1", ["barn"]) == {"barn": "forest, field, jungle"}


@pytest.mark.parametrize(
    ("text", "column", "told"),
    [
        (table(AIRFIELD, BARN), "depth-2", "got 'depth-2'; did you mean depth-"),
        (table(AIRFIELD, ("'/b/barn'", (1,), ())), "depth-1",
         r"1 mistake\(s\)\n  row 4: 'barn' must have a 1 in a column of depth-1"),
        (table(AIRFIELD), "depth-0", "no row for the scene 'barn'"),
        (table(AIRFIELD).replace("indoor", "inside"), "depth-0",
         "must start with a header that has the column class"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, column: str, told: str) -> None:
    path = tmp_path / FILES[0]
    path.write_text(text)
    with pytest.raises(UserError, match=told):
        read_hierarchy(path, column, ["airfield", "barn"])
