"""The page, the CSV and the JSON of a study have all of its rows, run or not."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from edgessl.recipe.study import Study
from edgessl.recipe.study_row import Row
from edgessl.report.study.outcome import Outcome
from edgessl.report.study.page import study_page
from edgessl.report.study.result import StudyResult

ROWS = (
    Row(name="small <b>", recipe="r", series="s", x=1.0, paper=60.0, at="Table 1"),
    Row(name="large", recipe="r", series="s", x=2.0, paper=70.0, at="Table 1"),
    Row(name="other", recipe="r", column="NN", paper=50.0, at="Table 1"),
)
STUDY = Study(
    title="What size does", place="Table 1", data="A", rows=ROWS, x_title="size", y_title="top-1"
)
OUTCOMES = (
    Outcome("small <b>", "", "s", 1.0, "finetune", 60.0, "Table 1", 50.0, 45.0, 55.0, 100,
            run="runs/one"),
    Outcome("large", "", "s", 2.0, "finetune", 70.0, "Table 1", 64.0, 60.0, 68.0, 100),
    Outcome("other", "NN", "", None, "knn", 50.0, "Table 1", why="no such weights"),
)  # fmt: skip
RESULT = StudyResult("mine", STUDY, OUTCOMES, {"seed": 0}, Path("here"), ("A note.",))


def test_the_page_has_every_row_and_fetches_nothing() -> None:
    page = study_page(RESULT)
    for text in ("small &lt;b&gt;", "large", "other", "no such weights", "A note.", "70.0",
                 "64.0", "60.0 to 68.0", "runs/one/report.html"):  # fmt: skip
        assert text in page, text
    assert "http" not in page.replace("http://www.w3.org", "")


def test_it_plots_ours_and_the_papers_where_the_paper_plots() -> None:
    page = study_page(RESULT)
    assert page.count("<svg") == 2
    assert "top-1, here" in page
    assert "top-1, in the paper" in page


def test_the_table_has_a_line_for_each_row() -> None:
    lines = [*csv.DictReader(io.StringIO(RESULT.to_csv()))]
    assert [line["name"] for line in lines] == ["small <b>", "large", "other"]
    assert lines[0]["difference"] == "-10.0"
    assert (lines[2]["value"], lines[2]["why"]) == ("", "no such weights")


def test_plain_values_say_how_far_the_orders_agree() -> None:
    document = json.loads(json.dumps(RESULT.to_dict()))
    assert document["order"]["tau"] == 1.0
    assert document["rows"][1]["unit"] == "%"
    assert "1 of 3 rows have no number here" in document["answer"]


def test_an_outcome_comes_back_from_its_plain_values() -> None:
    assert Outcome.from_dict(OUTCOMES[0].to_dict()) == OUTCOMES[0]
