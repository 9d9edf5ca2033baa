"""A comparison pairs what can be paired, ships what is shown, and tells the rest apart."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from report.comparisons import CLASSES, N, answers, rows, write_run
from report.test_page import parse

from edgessl.artifact import Metadata
from edgessl.metrics.interval import Score, paired_difference
from edgessl.report.compare.choice import choose
from edgessl.report.compare.compared import Compared, compared
from edgessl.report.compare.difference import difference
from edgessl.report.compare.from_file import row_of_file
from edgessl.report.compare.page import compare_page
from edgessl.report.compare.row import Latency, Row
from edgessl.report.compare.tables import to_csv

GOOD, FAIR = answers(range(300)), answers(range(20, 310))  # 75 % and 72.5 %
POOR = answers(range(100))


def ship(found: Compared) -> str:
    (one,) = found.sets
    return one.choice.row.name


def test_every_arm_of_a_run_is_a_row_with_its_checkpoint(tmp_path: Path) -> None:
    found = rows(write_run(tmp_path / "a", GOOD, {"random": FAIR, "init-longer": POOR}))
    assert [row.name for row in found] == ["a", "a random", "a init-longer"]
    assert [row.file.relative_to(tmp_path).as_posix() for row in found] == [
        "a/ckpt.pt", "a/state/random.pt", "a/ckpt-init-longer.pt",
    ]  # fmt: skip
    assert [row.seconds for row in found] == [90.0, 30.0, None]


def test_answers_to_the_same_images_are_paired(tmp_path: Path) -> None:
    (one,) = rows(write_run(tmp_path / "a", GOOD))
    (other,) = rows(write_run(tmp_path / "b", FAIR))
    found = difference(one, other)
    low, high = paired_difference(20, 10, N)
    assert (found.value, found.low, found.high, found.shown) == (2.5, low, high, 0)
    turned = difference(other, one)
    assert (turned.value, turned.low, turned.high) == (-2.5, pytest.approx(-high),
                                                       pytest.approx(-low))  # fmt: skip


def test_other_labels_in_training_do_not_keep_test_images_apart(tmp_path: Path) -> None:
    """A share of the labels changes the fingerprint of the data, and not its test images."""
    few = rows(write_run(tmp_path / "few", FAIR, fingerprint="f2"))
    found = compared([*rows(write_run(tmp_path / "all", GOOD)), *few])
    assert len(found.sets) == 1
    assert found.sets[0].choice.to_leader[1][1].low is not None


@pytest.mark.parametrize("other", [
    {"images": "b", "fingerprint": "f2"}, {"classes": ("cat", "fox"), "fingerprint": "f2"},
    {"fingerprint": "f2", "recorded": False},
])  # fmt: skip
def test_other_images_or_classes_are_told_apart_and_not_paired(
    tmp_path: Path, other: dict[str, object]
) -> None:
    one = rows(write_run(tmp_path / "a", GOOD))
    found = compared([*one, *rows(write_run(tmp_path / "b", FAIR, **other))])  # type: ignore[arg-type]
    assert [[row.name for row in part.rows] for part in found.sets] == [["a"], ["b"]]
    assert "no difference is paired between them: pets (A): a; pets (B): b." in found.notes[0]
    assert found.answer.startswith("pets (A): Ship a: ")
    assert len(found.commands) == 2


def test_a_run_without_a_record_of_answers_is_shown_by_intervals_that_lie_apart(
    tmp_path: Path,
) -> None:
    one = rows(write_run(tmp_path / "a", GOOD))
    fair = rows(write_run(tmp_path / "b", FAIR, recorded=False))
    poor = rows(write_run(tmp_path / "c", POOR, recorded=False))
    found = compared([*one, *fair, *poor])
    shown = {row.name: (diff.low, diff.shown) for row, diff in found.sets[0].choice.to_leader}
    assert (shown["b"], shown["c"]) == ((None, 0), (None, -1))
    assert any("Against a not paired" in note and ": b, c." in note for note in found.notes)


def test_an_older_report_has_its_own_paired_differences(tmp_path: Path) -> None:
    known = {"value": 2.5, "low": 0.5, "high": 4.5, "n": N}
    arms = {"random": {"difference": known}}
    ours, random = rows(write_run(tmp_path / "a", GOOD, {"random": FAIR}, recorded=False,
                                  arms=arms))  # fmt: skip
    assert difference(ours, random).words == "+2.5 points [+0.5, +4.5], paired"
    assert difference(random, ours).shown == -1


def test_a_file_of_prototypes_is_not_paired_with_the_run_that_it_answers_differently_from(
    tmp_path: Path,
) -> None:
    """Its gate compares it with the same vectors in torch, not with the run's classifier."""
    folder = write_run(tmp_path / "a", GOOD)
    (ours,) = rows(folder)
    numbers = {"top1": Score.from_counts(280, N).to_dict(), "agreement_percent": 100.0,
               "checkpoint_top1": Score.from_counts(280, N).to_dict(),
               "difference": {"value": 0.0, "low": -1.0, "high": 1.0, "n": N}}  # fmt: skip
    cost = {"params": 1e6, "macs": 1e6, "size_px": 32, "size_mb": 1.0}

    def file(head: str) -> Row:
        metadata = Metadata(
            head, CLASSES, {}, 32, {"data": "pets", "data_fingerprint": "f1"},
            ({"name": "accuracy", "status": "pass", "numbers": numbers},),
        )  # fmt: skip
        return row_of_file(tmp_path / "model.onnx", "model.onnx", metadata, cost, ours)

    assert difference(file("logits"), ours).words == "+0.0 points [-1.0, +1.0], paired"
    found = compared([ours, file("prototypes")])
    (_, (_, apart)) = found.sets[0].choice.to_leader
    assert apart.words == "-5.0 points, not paired; the intervals overlap"
    assert any("Against a not paired" in note for note in found.notes)
    assert not any("older edgessl" in note for note in found.notes)  # the run's images are known


def test_answers_that_do_not_make_the_score_are_not_believed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", GOOD)
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text.replace('"right": "ff', '"right": "00'))
    assert rows(folder)[0].right is None


def test_the_best_is_shipped_where_it_is_shown_to_be(tmp_path: Path) -> None:
    found = compared(rows(write_run(tmp_path / "a", GOOD, {"random": POOR})))
    assert found.answer.startswith(
        "Ship a: top-1 75.0 % [70.5, 79.0] on 400 test images, shown to be above the other (next "
        "is a random: +50.0 points ["
    )
    assert found.commands == (f"edgessl export {tmp_path}/a/ckpt.pt --onnx",)


def test_another_arm_is_exported_beside_ours(tmp_path: Path) -> None:
    found = compared(rows(write_run(tmp_path / "a", POOR, {"init": GOOD})))
    place = f"{tmp_path}/a"
    assert found.commands == (f"edgessl export {place}/ckpt-init.pt --onnx --out {place}/init",)


def test_the_lightest_of_those_that_are_not_shown_to_be_worse_is_shipped(tmp_path: Path) -> None:
    large = rows(write_run(tmp_path / "large", GOOD, macs=9e6))
    small = rows(write_run(tmp_path / "small", FAIR, macs=1e6))
    tiny = rows(write_run(tmp_path / "tiny", POOR, macs=1e5))
    found = compared([*large, *small, *tiny])
    assert ship(found) == "small"
    assert "not shown to be worse than large, the highest (75.0 % [" in found.answer
    assert found.answer.endswith("the lightest to compute of the two: 1 M MACs against 9 M MACs.")


def test_of_equal_cost_the_highest_is_shipped(tmp_path: Path) -> None:
    found = compared(rows(write_run(tmp_path / "a", FAIR, {"random": GOOD})))
    assert ship(found) == "a random"
    assert found.answer.endswith("none of these costs less.")


@pytest.mark.parametrize(("noisy", "runtime", "shipped"), [
    (False, "onnxruntime", "small"), (True, "onnxruntime", "large"), (False, "torch", "large"),
])  # fmt: skip
def test_time_decides_where_it_can_be_compared(
    tmp_path: Path, noisy: bool, runtime: str, shipped: str
) -> None:
    (large,) = rows(write_run(tmp_path / "large", GOOD))
    (small,) = rows(write_run(tmp_path / "small", FAIR))
    fast = Latency(1.0, 0.9, 1.1, "onnxruntime", 1, "cpu", noisy, "s")
    slow = replace(fast, p50_ms=2.0, low_ms=1.9, high_ms=2.1, runtime=runtime)
    pair = [replace(large, latency=slow), replace(small, latency=fast)]
    assert choose(pair, N).row.name == shipped


def test_what_drops_the_leader_is_told_though_it_is_as_fast_as_the_one_to_ship(
    tmp_path: Path,
) -> None:
    """Intervals overlap in a chain: the leader is slower than the fastest alone."""
    spans = {"fast": (299, 4.1, 4.0, 4.2), "middle": (300, 4.3, 4.1, 4.6),
             "leader": (301, 4.5, 4.3, 4.8)}  # fmt: skip
    found = []
    for name, (right, p50, low, high) in spans.items():
        (row,) = rows(write_run(tmp_path / name, answers(range(right))))
        latency = Latency(p50, low, high, "onnxruntime", 1, "cpu", False, "s")
        found.append(replace(row, latency=latency))
    choice = choose(found, N)
    assert (choice.leader.name, choice.row.name) == ("leader", "middle")
    assert "the fastest of the 3 that are not: 4.3 ms against 4.5 ms" in choice.sentence


def test_classes_tell_what_they_gain(tmp_path: Path) -> None:
    base = rows(write_run(tmp_path / "a", answers(range(150), range(200, 300))))
    best = rows(write_run(tmp_path / "b", answers(range(140), range(200, 360))))
    (one,) = compared([*base, *best]).sets
    told = [(gain.name, gain.before, gain.after, gain.n) for gain in one.gains]
    assert told == [("dog", 50.0, 80.0, 200), ("cat", 75.0, 70.0, 200)]
    assert (one.gains[0].low, one.gains[0].high) == paired_difference(60, 0, 200)


def test_the_hardest_images_are_those_that_most_rows_get_wrong(tmp_path: Path) -> None:
    found = compared([
        *rows(write_run(tmp_path / "a", answers(range(395)))),
        *rows(write_run(tmp_path / "b", answers(range(390)))),
        *rows(write_run(tmp_path / "c", answers(range(3, 400)))),
    ]).sets[0].hardest  # fmt: skip
    assert found is not None
    assert (found.wrong_in_all, found.right_in_all) == (0, 387)
    assert [image.index for image in found.images][:5] == [395, 396, 397, 398, 399]
    assert [image.wrong for image in found.images] == [2] * 5 + [1] * 8
    first = found.images[0]
    assert (first.label, first.by, Path(first.path).name) == ("dog", ("c",), "395.png")


def test_the_page_is_whole_and_offline(tmp_path: Path) -> None:
    names = ("<cat>", "dog & co")
    found = compared([
        *rows(write_run(tmp_path / "a", GOOD, {"random": POOR}, classes=names)),
        *rows(write_run(tmp_path / "b", FAIR, classes=names)),
    ])  # fmt: skip
    page = parse(compare_page(found))
    text = " ".join(page.text.split())
    for expected in (found.answer, "ship this", "Against a", "Pretraining loss", "<cat>",
                     "Top-1 while fine-tuning, on val, %", "The hardest test images",
                     "edgessl export"):  # fmt: skip
        assert expected in text
    assert page.addresses == ["data:,"]


def test_the_table_has_a_line_for_each_row(tmp_path: Path) -> None:
    unlabelled = rows(write_run(tmp_path / "b", GOOD, scores={}))
    found = compared([*rows(write_run(tmp_path / "a", GOOD, {"random": POOR})), *unlabelled])
    lines = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert [(line["name"], line["top1"], line["to_best_shown"]) for line in lines] == [
        ("a", "75.0", ""), ("a random", "25.0", "worse"), ("b", "", ""),
    ]  # fmt: skip
    assert any("Without a score on test images: b." in note for note in found.notes)
