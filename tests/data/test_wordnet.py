"""WordNet's classes are merged from the leaves up, as Cole et al. and AIRL do."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgessl.data.hierarchy import find_hierarchy, hierarchy_of, read_hierarchy
from edgessl.data.wordnet import FILE, read_parents, wordnet_labels, wordnet_levels
from edgessl.errors import UserError

ROOT, THING, IDEA, ARTIFACT, ANIMAL = (
    "n00000001", "n00000002", "n00000003", "n00021939", "n00000005",
)  # fmt: skip
DOG, HUSKY, PUG, CAT, CAR, CUP, SIGN = (f"n0000001{n}" for n in range(7))
CLASSES = (HUSKY, PUG, CAT, CAR, CUP, SIGN)
# entity: thing (animal (dog (husky, pug), cat), artifact (car, cup)), idea (sign)
RELATIONS = (
    (ROOT, THING), (ROOT, IDEA), (THING, ANIMAL), (THING, ARTIFACT), (ANIMAL, DOG), (DOG, HUSKY),
    (DOG, PUG), (ANIMAL, CAT), (ARTIFACT, CAR), (ARTIFACT, CUP), (IDEA, SIGN),
    (ARTIFACT, PUG),  # a second parent: the first one counts
)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / FILE
    path.write_text("\n".join(f"{parent} {child}" for parent, child in RELATIONS) + "\n")
    return path


def _groups(labels: dict[str, str]) -> dict[str, set[str]]:
    return {label: {n for n, one in labels.items() if one == label} for label in labels.values()}


def test_levels_are_called_after_the_deepest_leaf_that_is_left(file: Path) -> None:
    levels = wordnet_levels(file, CLASSES)
    assert [*levels] == ["depth-1", "depth-2", "depth-3"]
    assert _groups(levels["depth-3"]) == {
        DOG: {HUSKY, PUG}, CAT: {CAT}, CAR: {CAR}, CUP: {CUP}, SIGN: {SIGN},
    }  # fmt: skip
    assert _groups(levels["depth-2"]) == {
        ANIMAL: {HUSKY, PUG, CAT}, ARTIFACT: {CAR, CUP}, SIGN: {SIGN},
    }  # fmt: skip
    assert _groups(levels["depth-1"]) == {THING: {HUSKY, PUG, CAT, CAR, CUP}, IDEA: {SIGN}}


@pytest.mark.parametrize(("level", "count"), [("6", 6), ("5", 5), ("4", 4), ("3", 3), ("99", 6)])
def test_classes_are_merged_down_to_a_number(file: Path, level: str, count: int) -> None:
    assert len(set(wordnet_labels(file, level, CLASSES).values())) == count


def test_merging_goes_one_ancestor_at_a_time_from_the_deepest(file: Path) -> None:
    assert _groups(wordnet_labels(file, "5", CLASSES))[DOG] == {HUSKY, PUG}
    four = _groups(wordnet_labels(file, "4", CLASSES))
    assert four[ANIMAL] == {HUSKY, PUG, CAT}
    assert {CAR, CUP, SIGN} < four.keys()


def test_two_classes_are_artifact_or_not_and_the_trees_own_two_are_uneven(file: Path) -> None:
    balanced = _groups(wordnet_labels(file, "2", CLASSES))
    assert {frozenset(one) for one in balanced.values()} == {
        frozenset({CAR, CUP}), frozenset({HUSKY, PUG, CAT, SIGN}),
    }  # fmt: skip
    uneven = _groups(wordnet_labels(file, "2-uneven", CLASSES))
    assert uneven == {THING: {HUSKY, PUG, CAT, CAR, CUP}, SIGN: {SIGN}}


def test_it_lies_beside_the_images_as_a_table_does(file: Path) -> None:
    source = str(file.parent)
    assert find_hierarchy(source, None) == file
    assert read_hierarchy(file, "2", (CAR,)) == {CAR: ARTIFACT}
    assert [*hierarchy_of(source, CLASSES)] == ["depth-1", "depth-2", "depth-3"]
    (file.parent / "hierarchy.csv").write_text("class,group\n")
    assert find_hierarchy(source, None).name == "hierarchy.csv"


@pytest.mark.parametrize("level", ["1", "0", "-3", "coarse", "depth-9", "2 uneven"])
def test_other_levels_are_refused(file: Path, level: str) -> None:
    with pytest.raises(UserError, match=r"data\.labels: must be .*got '" + level):
        wordnet_labels(file, level, CLASSES)


def test_classes_that_are_no_ids_are_refused(file: Path) -> None:
    with pytest.raises(UserError, match="must have every class, by its WordNet id, lacks tench"):
        wordnet_labels(file, "2", ("tench", CAT))


@pytest.mark.parametrize(
    ("text", "line"),
    [("n00000001\n", "got 'n00000001' in line 1"), ("class,group\n", "got 'class,group'"),
     ("n00000001 n00000002 n00000003\n", "must have a parent and a child a line")],
)  # fmt: skip
def test_another_file_is_refused(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError, match=line):
        read_parents(tmp_path / FILE)


def test_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f"{CAT} {DOG}\n{DOG} {CAT}\n")
    with pytest.raises(UserError, match="got a circle through"):
        wordnet_labels(tmp_path / FILE, "2", (CAT,))
