"""Rows are compared by coarser labels, each class counting alike, where a table has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report.comparisons import N, answers, rows, write_run

from edgessl.report.compare.coarse import by_coarse_labels
from edgessl.report.compare.compared import compared
from edgessl.report.compare.page import compare_page
from edgessl.report.compare.row import Row

CLASSES = ("cat", "dog", "fox", "owl")


def made(tmp_path: Path, table: str) -> list[Row]:
    """Return two rows whose images lie with a table of coarser labels.

    The first half of the images are cats, of the others 60 are owls and the rest foxes.
    """
    (tmp_path / "data/test").mkdir(parents=True)
    if table:
        (tmp_path / "data/hierarchy.csv").write_text(table)
    labels = tuple(0 if i < N // 2 else 3 if i < N // 2 + 60 else 2 for i in range(N))
    some = answers(range(N // 4), range(N // 2, N // 2 + 30))
    found = [
        *rows(write_run(tmp_path / "a", some, classes=CLASSES)),
        *rows(write_run(tmp_path / "b", answers(range(N)), classes=CLASSES)),
    ]
    changed = []
    for row in found:
        assert row.tests is not None
        assert row.tests.images is not None
        paths = tuple(str(tmp_path / f"data/test/{i}.png") for i in range(N))
        images = replace(row.tests.images, labels=labels, paths=paths)
        changed.append(replace(row, tests=replace(row.tests, images=images)))
    return changed


def test_each_class_of_a_group_counts_alike_and_those_without_images_do_not(
    tmp_path: Path,
) -> None:
    table = (
        "class,kind,letter\ncat,mammal,c\ndog,mammal,d\nfox,mammal,f\nowl,bird,o\n"
        "elk,mammal,e\n"
    )
    found = by_coarse_labels(made(tmp_path, table))
    assert found is not None
    assert found.level == "kind"  # the coarsest
    bird, mammal = found.groups
    assert (bird.name, bird.classes, bird.n, bird.shares["a"]) == ("bird", 1, 60, 50.0)
    assert (mammal.name, mammal.classes, mammal.n) == ("mammal", 2, N - 60)
    assert mammal.shares["a"] == pytest.approx((50.0 + 0.0) / 2)  # of cats half, of foxes none
    assert mammal.shares["b"] == 100.0


@pytest.mark.parametrize("table", [
    "", "class,kind\nelk,mammal\nowl,bird\n", "no table", "class,kind\n" + "".join(
        f"{name},thing\n" for name in CLASSES),
])  # fmt: skip
def test_without_a_table_that_fits_there_is_nothing(tmp_path: Path, table: str) -> None:
    assert by_coarse_labels(made(tmp_path, table)) is None


def test_the_page_and_the_document_have_the_groups(tmp_path: Path) -> None:
    table = "class,kind\ncat,mammal\ndog,mammal\nfox,mammal\nowl,bird\n"
    found = compared(made(tmp_path, table))
    assert found.to_dict()["tests"][0]["coarse"]["level"] == "kind"
    assert "By kind" in compare_page(found)
