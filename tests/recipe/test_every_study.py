"""Every study of the catalogue is read, its recipes resolve, and its numbers say where they stand.

Made by reading the papers' text; a number without a place, or a row of a recipe that is gone, is a
mistake of ours.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from edgessl import catalog
from edgessl.errors import UserError
from edgessl.recipe import Recipe, load_recipe
from edgessl.recipe.study import Study, load_study

NAMES = [*catalog.entries("studies")]
PAPERS = {"s3l": 17, "sslight": 17, "small": 11, "airl": 6, "cole": 13}
"""Studies that there are at least, by paper."""

resolved = cache(load_recipe)


@cache
def study_of(name: str) -> Study:
    return load_study(name)


def test_every_paper_has_its_studies() -> None:
    papers = [path.parent.parent.name for path in catalog.entries("studies").values()]
    for paper, count in PAPERS.items():
        assert papers.count(paper) >= count, paper


def test_no_study_passes_for_a_recipe() -> None:
    assert not {*catalog.entries("recipes")} & {*NAMES}
    with pytest.raises(UserError, match="no file"):
        load_recipe("s3l-table8")


@pytest.mark.parametrize("name", NAMES)
def test_recipes_of_its_rows_resolve(name: str) -> None:
    for row in study_of(name).rows:
        anchor = () if row.anchor is None else (row.anchor,)
        for network in (row, *row.fuse, *anchor):
            recipe: Recipe = resolved(network.recipe, overrides=network.set)
            assert recipe.name == network.recipe
        if row.finetune:
            resolved(row.finetune, overrides=row.finetune_set)
        elif row.finetune_set:
            resolved(row.recipe, overrides=(*row.set, *row.finetune_set))


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_the_paper_has_its_place(name: str) -> None:
    study = study_of(name)
    words = ("Table", "Figure", "Section", "section")
    assert any(word in study.place for word in words)
    for row in study.rows:
        place = row.at or study.place
        assert row.paper is None or any(word in place for word in words), row.name
    for claim in (*study.trends, *study.peaks, *study.above):
        assert any(word in claim.at for word in words), claim


@pytest.mark.parametrize("name", NAMES)
def test_a_fine_tuning_of_another_recipe_is_of_the_same_network(name: str) -> None:
    for row in study_of(name).rows:
        if row.finetune:
            own, other = (load_recipe_of(one) for one in (row.recipe, row.finetune))
            assert own.backbone.name == other.backbone.name, row.name


def load_recipe_of(name: str) -> Recipe:
    found: Recipe = resolved(name, overrides=())
    return found


MISTAKEN = """
title = "t"
place = "Table 1"
data = "A"
rows = [
  {{ name = "one", recipe = "mobilenetv2-dino" }},
  {{ {row} }},
]
{more}
"""


@pytest.mark.parametrize(
    ("row", "more", "told"),
    [
        ('name = "one", recipe = "x"', "", "names of their own within a column, got 'one' twice"),
        ('name = "b", recipe = "x", label_percent = 1, labels = 5', "", "got both"),
        ('name = "b", recipe = "x", x = 1.0', "", "series must be given with x"),
        ('name = "b", recipe = "x", levels = true, score = "knn"', "", "with levels, got knn"),
        ('name = "b", recipe = "x", fuse = [{ recipe = "y" }]', "", "must be linear or knn"),
        ('name = "b", recipe = "x"', '[[above]]\nrow = "c"\nthan = "b"\nat = "s"', "got 'c'"),
        ('name = "b", recipe = "x"', '[[peaks]]\nseries = "c"\nx = [1]\nat = "s"', "got 'c'"),
        ('name = "b", recipe = "x", papre = 3', "", "did you mean paper?"),
    ],
)
def test_mistakes_of_a_file_are_told(tmp_path: Path, row: str, more: str, told: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MISTAKEN.format(row=row, more=more))
    with pytest.raises(UserError) as refused:
        load_study(str(file))
    assert told.replace("?", "") in str(refused.value)
