"""What the page says follows from the numbers: remarks, confusions, classes, times, pictures."""

from __future__ import annotations

from base64 import b64decode
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgessl.report.confusion import class_scores, confused_pairs, heat_map, read_matrix
from edgessl.report.facts import data_facts, duration, network_facts, stage_times
from edgessl.report.folder import SavedViews
from edgessl.report.scores import score_cards
from edgessl.report.sheet import MOST_IMAGES, contact_sheet


def score(value: float, half: float = 3.0) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half, "n": 500}


def test_a_card_compares_with_the_best_baseline() -> None:
    report = {
        "scores": {"finetune_top1": score(70.0)},
        "scores_random": {"finetune_top1": score(50.0)},
        "scores_longer": {"finetune_top1": score(60.0)},
    }
    (card,) = score_cards(report)
    assert [line.kind for line in card.lines] == ["run", "random", "longer"]
    assert card.remark == "10.0 points above random start, equal total time"


@pytest.mark.parametrize(
    ("ours", "remark"),
    [
        (52.0, "2.0 points above random start; the intervals overlap"),
        (45.0, "5.0 points below random start; the intervals overlap"),
        (40.0, "10.0 points below random start"),
        (50.0, "the same as random start"),
    ],
)
def test_a_remark_never_hides_a_loss_or_an_overlap(ours: float, remark: str) -> None:
    report = {
        "scores": {"linear_top1": score(ours)}, "scores_random": {"linear_top1": score(50.0)},
    }  # fmt: skip
    assert score_cards(report)[0].remark == remark


def test_thumbnails_stand_next_to_the_knn_only() -> None:
    report = {
        "scores": {"knn_top1": score(60.0), "linear_top1": score(60.0)},
        "thumbnail_knn_top1": score(48.0),
    }
    linear, knn = score_cards(report)
    assert [line.kind for line in knn.lines] == ["run", "thumbnails"]
    assert [line.kind for line in linear.lines] == ["run"]
    assert linear.remark == ""


def test_pairs_are_sorted_by_their_share_of_the_class() -> None:
    matrix = np.array([[80, 20, 0], [3, 3, 0], [0, 1, 9]])
    pairs = confused_pairs(matrix, ["cat", "dog", "fox"])
    assert [(pair.true, pair.predicted, pair.count, pair.total) for pair in pairs] == [
        ("dog", "cat", 3, 6),
        ("cat", "dog", 20, 100),
    ]


def test_classes_are_sorted_from_the_hardest_and_absent_ones_left_out() -> None:
    matrix = np.array([[9, 1, 0], [5, 5, 0], [0, 0, 0]])
    scores = class_scores(matrix, ["cat", "dog", "fox"])
    assert [(one.name, one.value, one.n) for one in scores] == [
        ("dog", 50.0, 10),
        ("cat", 90.0, 10),
    ]


def test_a_heat_map_draws_cells_with_images_as_shares_of_their_row() -> None:
    drawn = heat_map(np.array([[3, 1], [0, 0]]), ["cat", "a name that goes on and on and on"])
    assert [(cell.count, cell.share, cell.correct) for cell in drawn.cells] == [
        (3, 0.75, True),
        (1, 0.25, False),
    ]
    assert drawn.names[1][0] == "a name that goes on a…"
    assert "1 of 4 images of 'cat' called 'a name that goes on and on and on'" in drawn.cells[1].tip


@pytest.mark.parametrize("confusion", [None, [], [[1]], [[1, 2], [3]], [[0, 0], [0, 0]], "x"])
def test_what_is_no_matrix_over_the_classes_is_left_out(confusion: object) -> None:
    assert read_matrix(confusion, ["cat", "dog"]) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0.0 s"), (3.14, "3.1 s"), (45.2, "45 s"), (200.0, "3 min 20 s"), (7260.0, "2 h 1 min")],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_stage_times_add_up_to_the_whole() -> None:
    times = stage_times({"throughput": {"seconds": {"pretrain": 60.0, "pack": 0.0, "fit": 20.0}}})
    assert [(one.name, one.percent) for one in times] == [("pretrain", 75.0), ("fit", 25.0)]


def test_facts_that_are_not_known_are_not_shown() -> None:
    assert data_facts({}) == []
    assert network_facts({"seed": 0, "model": {"params": 2_223_872}}) == [
        ("parameters", "2.22 M"),
        ("seed", "0"),
    ]


@pytest.mark.parametrize(
    ("stages", "activity"),
    [({"pretrain": 9.0, "finetune": 1.0}, "pretraining"), ({"finetune": 1.0}, "fine-tuning")],
)
def test_the_rate_is_that_of_the_first_stage(stages: dict[str, float], activity: str) -> None:
    facts = network_facts({"throughput": {"images_per_s": 12.0, "seconds": stages}})
    assert facts == [(activity, "12 images/s")]


def test_a_strip_holds_the_original_then_the_global_then_the_local_views() -> None:
    originals = np.full((12, 3, 40, 40), 200, dtype=np.uint8)
    views = SavedViews(
        originals,
        {
            "global": np.full((12, 2, 3, 32, 32), 100, dtype=np.uint8),
            "local": np.full((12, 3, 3, 18, 18), 50, dtype=np.uint8),
        },
    )
    rows = contact_sheet(views)
    assert len(rows) == MOST_IMAGES
    assert [picture.kind for picture in rows[0]] == ["original"] + ["global"] * 2 + ["local"] * 3
    image = Image.open(BytesIO(b64decode(rows[0][3].source.partition(",")[2])))
    assert image.size == (18, 18)
    assert abs(int(np.asarray(image).mean()) - 50) <= 1


def test_weights_that_were_fine_tuned_directly_have_no_method() -> None:
    recipe = {"method": {"name": "dino"}}
    start = {"weights": {"source": "imagenet:x", "sha256": "0"}}
    assert ("method", "dino") in network_facts({"recipe": recipe})
    assert "method" not in dict(network_facts({"recipe": recipe, "start": start}))


def test_what_chance_gives_of_several_labels_is_said_to_be_about_that() -> None:
    score = {"value": 90.7, "low": 86.4, "high": 94.9, "n": 72}
    chance = {"value": 81.5, "low": 81.5, "high": 81.5, "n": 72}
    (card,) = score_cards({"scores": {"finetune_map": score}, "chance_map": chance})
    assert card.remark.startswith("about 9.2 points above a ranking by chance")
