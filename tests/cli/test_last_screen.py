"""The end of a run on the screen: what it reached, where the report is, what to type next."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgessl.cli.export import _print_next as print_next
from edgessl.cli.screen import console, print_summary

SCORE = {"value": 75.0, "low": 60.0, "high": 86.0, "n": 40}


def report(run: str) -> dict[str, Any]:
    """Return what the screen shows of a report."""
    return {
        "scores": {"knn_top1": SCORE, "finetune_top1": SCORE},
        "scores_random": {"finetune_top1": SCORE},
        "model": {"params": 2e6, "macs": 3e8},
        "recipe": {"image": {"crop_px": 64}},
        "throughput": {"seconds": {"pretrain": 60.0}, "bottleneck": "None [yet]."},
        "verdict": "It pays [here].",
        "next": f"edgessl export '{run}/ckpt.pt' --onnx",
    }


@pytest.mark.parametrize("folder", ["runs/pets", "my runs/pets", "runs[old]/pets", "run[/b]"])
def test_the_report_is_named_where_it_is(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_summary(report(folder), Path(folder))
    lines = capsys.readouterr().out.splitlines()
    assert f"report: {folder}/report.html" in lines
    assert f"next:   edgessl export '{folder}/ckpt.pt' --onnx" in lines
    assert "2.00 M parameters, 300.0 M MACs an image of 64 px; trained in 60 s." in lines
    assert "It pays [here]." in lines
    assert any("None [yet]." in line for line in lines)


def test_scores_stand_beside_those_of_the_random_start(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(report("run"), Path("run"))
    shown = capsys.readouterr().out
    assert "75.0 [60.0, 86.0]" in shown
    assert "random start" in shown


def test_the_majority_stands_in_the_table_of_scores(capsys: pytest.CaptureFixture[str]) -> None:
    majority = {"class": "hat [old]", "value": 61.25, "n": 40}
    print_summary({**report("run"), "majority": majority}, Path("run"))
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "always" in line)
    assert "always 'hat [old]'" in row
    assert row.count("61.2") == 2


def test_a_random_start_that_was_not_trained_is_not_called_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_summary({**report("run"), "scores_random": {"knn_top1": SCORE}}, Path("run"))
    shown = capsys.readouterr().out
    assert "random start" not in shown
    assert "random weights, untrained" in shown


def test_after_pretraining_only_it_says_what_is_counted_and_what_may_follow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = report("run")
    document["model"]["last_stage"] = "remove"
    print_summary({**document, "alternatives": ["edgessl eval a --data b"]}, Path("run"))
    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.endswith("64 px, without the last stage, which fine-tuning adds; trained in 60 s.")
        for line in lines
    )
    assert lines[-1] == "or:     edgessl eval a --data b"


def test_the_commands_after_an_export_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    file = SimpleNamespace(
        path=Path("my runs/model.onnx"), format="onnx", takes="pixels", passed=True, gates=(),
        metadata=SimpleNamespace(head="logits"),
    )  # fmt: skip
    print_next(console(), (file,))  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "on a device, without edgessl: python 'my runs/run.py' --selftest",
        "next: edgessl bench 'my runs/model.onnx' --device cpu",
    ]


def test_all_arms_fit_into_a_narrow_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tables = ("scores", "scores_random", "scores_longer", "scores_init", "scores_init_longer")
    scores = {key: {"finetune_top1": SCORE} for key in tables}
    print_summary({**report("run"), **scores}, Path("run"))
    lines = [line for line in capsys.readouterr().out.splitlines() if "75.0 [60.0, 86.0]" in line]
    assert len(lines) == len(tables)
    assert all(len(line) <= 80 for line in lines)
    assert [line.strip(" │").split(" │")[0].strip() for line in lines] == [
        "self-supervised", "random start", "random, longer", "weights directly", "weights, longer",
    ]  # fmt: skip


def test_a_run_that_learned_labels_shows_its_own_classifier(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = report("run")
    document["recipe"]["method"] = {"name": "supervised"}
    document["scores"]["supervised_top1"] = SCORE
    print_summary(document, Path("run"))
    shown = capsys.readouterr().out
    assert "own classifier" in shown
    (row,) = (line for line in shown.splitlines() if "supervised" in line)
    assert "self-supervised" not in shown
    assert row.count("75.0 [60.0, 86.0]") == 3


def test_a_long_name_of_a_row_breaks_no_score(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"knn_top1": SCORE, "linear_top1": SCORE}
    document = {**report("run"), "scores_random": scores}
    document["scores"] = {**scores, "finetune_top1": SCORE}
    document["start"] = {"weights": {"source": "imagenet:mobilenetv2"}}
    print_summary(document, Path("run"))
    lines = capsys.readouterr().out.splitlines()
    (ours,) = (line for line in lines if "these weights" in line)
    assert ours.count("75.0 [60.0, 86.0]") == 3
    (random,) = (line for line in lines if "random weights," in line)
    assert random.count("75.0 [60.0, 86.0]") == 2
