"""``edgessl study`` runs its rows as ordinary runs that share what they can, and goes on.

On a network so small that a run takes a second.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from pipeline.stories import Pretraining
from pipeline.tiny_run import ENGINE, Listener, write_images, write_recipe

from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.results import Run
from edgessl.pipeline.study.sets import sets_of
from edgessl.pipeline.study.study import study
from edgessl.pipeline.study.wanted import Wanted
from edgessl.pipeline.transfer import run_and_transfer
from edgessl.report.study.result import StudyResult
from edgessl.reporter import Reporter, Silent

STUDY = """
title = "Two protocols of one network"
place = "Table 1"
data = "Ours"
rows = [
  {{ name = "all labels", recipe = "{recipe}", paper = 60.0 }},
  {{ name = "few labels", recipe = "{recipe}", labels = 4, paper = 50.0 }},
  {{ name = "neighbours", recipe = "{recipe}", score = "knn" }},
  {{ name = "fused", recipe = "{recipe}", score = "knn", fuse = [{{ recipe = "{recipe}" }}] }},
  {{ name = "smaller", recipe = "{recipe}", rescale = 0.1 }},
  {{ name = "top-5", recipe = "{recipe}", score = "finetune_top5", paper = 90.0 }},
  {{ name = "size", recipe = "{recipe}", score = "params" }},
  {{ name = "distilled", recipe = "{recipe}", paper = 70.0, missing = "needs a teacher" }},
  {{ name = "elsewhere", recipe = "{recipe}", data = "Ours", transfer = "Theirs", paper = 40.0 }},
]
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A study file, images, and where its runs go."""

    file: str
    images: str
    out: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("study")
    recipe = write_recipe(root)
    file = root / "mine.toml"
    file.write_text(STUDY.format(recipe=recipe), encoding="utf-8")
    return Place(str(file), str(write_images(root / "photos")), root / "out")


def ask(place: Place, reporter: Reporter, out: Path | None = None) -> StudyResult:
    wanted = Wanted(
        place.file, f"ours={place.images}", out=out or place.out, device="cpu",
        overrides=(*ENGINE, "data.val_percent=0.0"),
    )  # fmt: skip
    return study(wanted, reporter)


@pytest.fixture(scope="module")
def found(place: Place) -> StudyResult:
    return ask(place, Silent())


def test_every_row_has_a_number_or_says_why_not(found: StudyResult) -> None:
    told = {one.name: (one.value is not None, one.why) for one in found.outcomes}
    assert told["distilled"] == (False, "needs a teacher")
    assert not told["elsewhere"][0]
    assert "Theirs" in told["elsewhere"][1]
    assert "must have over ten classes for top-5, got 2" in told["top-5"][1]
    assert all(told[name] == (True, "") for name in ("all labels", "few labels", "neighbours",
                                                     "fused", "smaller", "size"))  # fmt: skip


def test_rows_share_one_pretraining(place: Place, found: StudyResult) -> None:
    names = [path.name for path in (place.out / "runs").iterdir()]
    assert sum(not name.endswith("-tuned") for name in names) == 1
    assert sum(name.endswith("-tuned") for name in names) == 3


def test_its_pretraining_has_neither_classifier_nor_scores(
    place: Place, found: StudyResult
) -> None:
    run = next(path for path in (place.out / "runs").iterdir() if "tuned" not in path.name)
    report = json.loads((run / "report.json").read_text())
    assert "scores" not in report
    assert "asks for no scores" in report["verdict"]
    assert "finetune" not in report["throughput"]["seconds"]
    assert report["next"].startswith("edgessl finetune")


def test_a_budget_of_labels_is_spread_over_the_classes(place: Place, found: StudyResult) -> None:
    runs = {one.name: place.out / one.run for one in found.outcomes if one.run}
    provenance = json.loads((runs["few labels"] / "run.json").read_text())["provenance"]
    assert provenance["labels_per_class"] == 2  # 4 of 2 classes


def test_the_page_and_the_tables_lie_in_its_folder(place: Place, found: StudyResult) -> None:
    assert "all labels" in (place.out / "study.html").read_text()
    assert (place.out / "study.csv").read_text().count("\n") == 1 + len(found.outcomes)
    assert json.loads((place.out / "study.json").read_text())["rows"] == [
        one.to_dict() for one in found.outcomes
    ]


def test_the_same_study_again_trains_nothing(place: Place, found: StudyResult) -> None:
    listener = Listener()
    again = ask(place, listener)
    assert again.outcomes == found.outcomes
    assert not {"pretrain", "finetune"} & listener.stages


def test_an_interrupted_study_goes_on_and_finds_the_same(
    place: Place, found: StudyResult, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        ask(place, Listener("finetune", 1), tmp_path / "out")
    assert ask(place, Silent(), tmp_path / "out").outcomes == found.outcomes


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (("Ours=demo", "else=demo"), "NAME=IMAGES with one of Ours, Theirs, got 'else'"),
        (("demo", "flowers"), "given once without a name"),
        ((), "must be given, found none"),
        (("Ours=nowhere/at/all",), "neither here nor known"),
    ],
)
def test_sets_that_cannot_be_told_apart_are_refused(data: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told.split("(")[0]):
        sets_of(data, None, ("Ours", "Theirs"))


def test_pretraining_on_one_set_and_the_rest_on_another_is_one_call(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    first, other = (write_images(tmp_path / name, count=10) for name in ("first", "other"))
    asked = Pretraining(
        str(recipe), str(first), out=tmp_path / "run", device="cpu", baselines=("none",),
        overrides=ENGINE,
    )  # fmt: skip
    tuned = run_and_transfer(asked, str(other), Silent())
    assert tuned.path == tmp_path / "run-to-other"
    assert "finetune_top1" in tuned.scores
    assert not Run(tmp_path / "run").scores


def test_a_share_above_one_is_refused(place: Place) -> None:
    with pytest.raises(UserError, match="--scale: must be above 0 and up to 1, got 2"):
        study(Wanted(place.file, place.images, scale=2.0), Silent())


def test_a_study_of_which_no_row_runs_is_refused(place: Place, tmp_path: Path) -> None:
    wanted = Wanted(
        place.file, f"Theirs={place.images}", out=tmp_path / "out", device="cpu",
        overrides=("backbone.name=none",),
    )  # fmt: skip
    with pytest.raises(UserError, match="at least one row that runs"):
        study(wanted, Silent())
