"""report.html is one offline page: it shows what the run folder holds and survives gaps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgessl.errors import UserError
from edgessl.report import write_report

MakeRun = Callable[..., Path]
_VOID = {"meta", "link", "img", "br"}


class Balance(HTMLParser):
    """Collects tags that are not closed in order, addresses, and the visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def parse(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    assert not parser.wrong
    assert not parser.open
    return parser


def render(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def words(folder: Path) -> str:
    return " ".join(parse(render(folder)).text.split())


def test_the_majority_stands_on_every_card_of_scores(make_run: MakeRun) -> None:
    always = {"class": "t-shirt <old>", "value": 80.0, "n": 713}
    text = words(make_run(majority=always))
    assert text.count("always answering 't-shirt <old>'80.0") == 3
    assert "6.4 points below always answering 't-shirt <old>'" in text


def test_after_pretraining_only_it_says_what_is_counted_and_what_may_follow(
    make_run: MakeRun,
) -> None:
    model = {"params": 1000, "macs": 1000, "last_stage": "remove"}
    text = words(make_run(model=model, next="edgessl one", alternatives=["edgessl two"]))
    assert "without the last stage, which fine-tuning adds" in text
    assert "edgessl one edgessl two" in text


def test_it_tells_the_whole_run(make_run: MakeRun) -> None:
    text = words(make_run())
    for expected in (
        "Pretraining pays: fine-tuned top-1 is 73.6 %",
        "Fine-tuned top-1 of the classifier that is exported 73.6 %",
        "11.6 points above random start, equal total time",
        "10.4 points above raw 16 x 16 pixels",
        "Accuracy on 713 test images",
        "kNN while pretraining, on val, %",
        "longsleeve is called t-shirt:",
        "212 images/s",
        "17 % of the time",
        "8 min 32 s",
        "2.22 M",
        "12 files have a twin of identical content.",
        "edgessl recipe mobilenetv2-dino --data clothing10 --seed 0",
        "edgessl export runs/clothing10-mobilenetv2-dino/ckpt.pt --onnx",
        'name = "mobilenetv2-dino"',
    ):
        assert expected in text


def test_nothing_is_fetched_and_nothing_runs(make_run: MakeRun) -> None:
    page = render(make_run())
    assert all(address.startswith("data:") for address in parse(page).addresses)
    assert not re.search(r"https?://|<script|@import|url\(", page)


def test_the_same_folder_gives_the_same_page_to_the_byte(make_run: MakeRun) -> None:
    folder = make_run()
    assert render(folder) == render(folder)


def test_a_curve_of_the_method_alone_says_so(make_run: MakeRun) -> None:
    folder = make_run()
    assert "Pretraining loss (" not in words(folder)
    log = (folder / "log.jsonl").read_text()
    (folder / "log.jsonl").write_text(log.replace('"loss": ', '"dino_loss": 4.0, "loss": '))
    assert "Pretraining loss (dino)" in words(folder)


def test_names_from_folders_cannot_inject_markup(make_run: MakeRun) -> None:
    folder = make_run(name="<script>alert(1)</script>")
    document = json.loads((folder / "report.json").read_text())
    document["data"]["classes"][0] = "<b onload=x>\"'&"
    (folder / "report.json").write_text(json.dumps(document))
    page = render(folder)
    assert "<script" not in page
    assert "<b onload" not in page
    assert "&lt;b onload=x&gt;" in page


@pytest.mark.parametrize("classes", [2, 10, 120])
def test_any_number_of_classes_fits(make_run: MakeRun, classes: int) -> None:
    page = render(make_run(classes, confusion=[[3] * classes for _ in range(classes)]))
    parse(page)
    assert len(page) < 6e6


def test_an_unlabelled_run_says_why_it_has_no_scores(make_run: MakeRun) -> None:
    folder = make_run(
        data={"name": "flat", "counts": {"train": 900}}, scores={}, scores_random={},
        scores_longer={}, thumbnail_knn_top1=None, confusion=None,
    )  # fmt: skip
    text = words(folder)
    assert "The images have no labels, so there is nothing to score" in text
    assert "Where the classifier is wrong" not in text
    assert "unlabelled900" in text  # a term and its value


def test_a_run_without_baselines_shows_its_own_scores(make_run: MakeRun) -> None:
    folder = make_run(scores_random=None, scores_longer=None, thumbnail_knn_top1=None)
    text = words(folder)
    assert "61.3" in text
    assert "points above" not in text.partition("Training")[0].replace("11.6 points above", "", 1)


def test_a_run_that_is_not_finished_shows_its_curves(make_run: MakeRun) -> None:
    folder = make_run()
    (folder / "report.json").unlink()
    recipe = {"method": {"name": "dino", "prototypes": 1024}}
    (folder / "run.json").write_text(json.dumps({"identity": {"recipe": recipe}}))
    text = words(folder)
    assert "This run is not finished." in text
    assert "Pretraining loss" in text
    assert "uniform, ln K 6.93" in text
    assert "clothing10-mobilenetv2-dino" in text  # the folder's name stands in for the run's


@pytest.mark.parametrize("name", ["log.jsonl", "views.npz", "recipe.toml", "run.json"])
def test_every_other_file_may_be_missing(make_run: MakeRun, name: str) -> None:
    folder = make_run()
    (folder / name).unlink()
    assert "73.6" in words(folder)


def test_an_empty_report_is_still_a_page(make_run: MakeRun) -> None:
    folder = make_run()
    for name in ("log.jsonl", "views.npz", "recipe.toml"):
        (folder / name).unlink()
    (folder / "report.json").write_text("{}")
    text = words(folder)
    assert "The run folder holds no log of the training." in text
    assert "No views were saved with this run." in text


def test_a_log_line_cut_short_and_damaged_views_do_not_matter(make_run: MakeRun) -> None:
    folder = make_run()
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"stage": "pretrain", "epo')
    (folder / "views.npz").write_bytes(b"PK\x03\x04 not really")
    text = words(folder)
    assert "Pretraining loss" in text
    assert "No views were saved" in text


def test_a_fine_tuning_had_no_views_to_match(make_run: MakeRun) -> None:
    folder = make_run()
    (folder / "views.npz").unlink()
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, "start": {"file": "a.pt"}}))
    assert "views it had to match" not in words(folder)


def test_no_such_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must be a run folder .* got no such folder"):
        write_report(tmp_path / "nowhere")


def test_a_folder_that_is_no_run_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must be a run folder .* got a folder without them"):
        write_report(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_report_is_refused_and_the_old_page_stays(make_run: MakeRun) -> None:
    folder = make_run()
    before = render(folder)
    (folder / "report.json").write_text('{"scores": ')
    with pytest.raises(UserError, match=r"report\.json: must be the JSON that edgessl wrote"):
        write_report(folder)
    assert (folder / "report.html").read_text(encoding="utf-8") == before
