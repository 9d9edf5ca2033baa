"""A study scores the network of an epoch on the way, all snapshots from one pretraining."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline.tiny_run import ENGINE, write_images, write_recipe

from edgessl.errors import UserError
from edgessl.pipeline.study.asked import Asked, Counting
from edgessl.pipeline.study.row_job import job_of
from edgessl.pipeline.study.sets import Sets
from edgessl.pipeline.study.study import study
from edgessl.pipeline.study.wanted import Wanted
from edgessl.recipe.scaled import Scale
from edgessl.recipe.study import Study, load_study
from edgessl.reporter import Silent

STUDY = """
title = "On the way"
place = "Figure 2"
data = "Ours"
rows = [
  {{ name = "early", recipe = "{recipe}", set = [{keep}], snapshot = 1, score = "knn" }},
  {{ name = "late", recipe = "{recipe}", set = [{keep}], snapshot = 2, score = "knn" }},
]
"""
KEEP = '"pretrain.keep_every_epochs=1"'


def test_snapshots_of_one_run_are_scored(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(STUDY.format(recipe=write_recipe(tmp_path), keep=KEEP), encoding="utf-8")
    images = write_images(tmp_path / "photos")
    wanted = Wanted(
        str(file), str(images), out=tmp_path / "out", device="cpu",
        overrides=(*ENGINE, "data.val_percent=0.0"),
    )  # fmt: skip
    found = study(wanted, Silent())
    assert [one.value is not None for one in found.outcomes] == [True, True]
    (run,) = (tmp_path / "out" / "runs").iterdir()
    assert {path.name for path in (run / "snapshots").iterdir()} == {
        "epoch-0001.pt", "epoch-0002.pt",
    }  # fmt: skip


def _network(study: Study, place: int, scale: Scale, images: Path) -> str:
    asked = Asked(Sets(str(images)), scale)
    return job_of(study.rows[place], study, asked, Counting(Silent())).network


def test_a_trial_takes_the_snapshot_at_the_same_place(tmp_path: Path) -> None:
    images = write_images(tmp_path / "photos")
    paper = load_study("airl-figure2")
    epochs = [row.snapshot for row in paper.rows[:6]]
    assert epochs == [50, 100, 150, 200, 250, 300]
    whole = [_network(paper, place, Scale(), images) for place in range(6)]
    assert whole[1] == "snapshots/epoch-0100.pt"
    tenth = [_network(paper, place, Scale(0.04), images) for place in range(6)]  # 12 epochs
    assert tenth == [f"snapshots/epoch-{2 * n:04d}.pt" for n in range(1, 7)]
    four = [_network(paper, place, Scale(0.0134), images) for place in range(6)]  # 4 epochs
    assert four == [f"snapshots/epoch-{n:04d}.pt" for n in (1, 2, 3, 4, 4, 4)]


def test_an_epoch_that_is_not_kept_is_refused(tmp_path: Path) -> None:
    images = write_images(tmp_path / "photos")
    paper = load_study("airl-figure2")
    odd = replace_row(paper, snapshot=75)
    with pytest.raises(UserError, match=r"must be of an epoch that pretrain\.keep_every_epochs"):
        _network(odd, 0, Scale(), images)


@pytest.mark.parametrize(
    ("row", "line"),
    [('rescale = 0.1, score = "knn"', "rescale must be left out with snapshot"),
     ('score = "params"', "score must be of a backbone with snapshot"),
     ('score = "knn", start = "imagenet:resnet18"', "start must be left out with snapshot")],
)  # fmt: skip
def test_contradictions_are_refused(tmp_path: Path, row: str, line: str) -> None:
    text = (
        f'title = "T"\nplace = "Table 1"\ndata = "O"\n'
        f'rows = [{{ name = "a", recipe = "mobilenetv2-dino", snapshot = 1, {row} }}]\n'
    )
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UserError, match=line):
        load_study(str(tmp_path / "mine.toml"))


def replace_row(study: Study, **changes: object) -> Study:
    """Return a study whose first row is changed."""
    row = study.rows[0].model_copy(update=changes)
    return study.model_copy(update={"rows": (row, *study.rows[1:])})
