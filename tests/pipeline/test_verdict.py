"""The verdict claims no more than the intervals show."""

from __future__ import annotations

from typing import Any

import pytest

from edgessl.pipeline.verdict import verdict


def _score(value: float, half: float = 2.0) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half, "n": 100}


def _report(ours: float, **rivals: float) -> dict[str, Any]:
    report: dict[str, Any] = {
        "data": {"classes": ["a", "b"]}, "scores": {"finetune_top1": _score(ours)},
    }
    for name, value in rivals.items():
        report[f"scores_{name}"] = {"finetune_top1": _score(value)}
    return report


@pytest.mark.parametrize(
    ("ours", "rival", "start"),
    [
        (70.0, 60.0, "Self-supervision pays here: "),
        (62.0, 60.0, "Self-supervision seems to help: "),
        (60.0, 60.0, "No difference is shown: "),
        (58.0, 60.0, "No difference is shown: "),
        (50.0, 60.0, "Self-supervision did not pay here: "),
    ],
)
def test_the_claim_follows_gain_and_intervals(ours: float, rival: float, start: str) -> None:
    text = verdict(_report(ours, random=rival))
    assert text.startswith(start)
    assert f"{ours:.1f} % [{ours - 2:.1f}, {ours + 2:.1f}] against {rival:.1f} %" in text
    assert f"({ours - rival:+.1f} points)" in text


@pytest.mark.parametrize(
    ("random", "longer", "rival"),
    [
        (50.0, 69.0, "a random start fine-tuned for the same total time"),
        (69.0, 50.0, "a random start with the same fine-tuning"),
    ],
)
def test_the_better_baseline_decides_and_is_named(
    random: float, longer: float, rival: str
) -> None:
    text = verdict(_report(70.0, random=random, longer=longer))
    assert f"for {rival} (+1.0 points)" in text


def test_without_a_baseline_nothing_is_claimed() -> None:
    text = verdict(_report(70.0))
    assert text == (
        "Fine-tuned top-1 is 70.0 % [68.0, 72.0]; no baseline was trained to compare it with."
    )


def test_general_weights_without_a_baseline_are_compared_with_their_linear_probe() -> None:
    report = _report(70.0) | {"start": {"weights": {"name": "imagenet"}}}
    report["scores"]["linear_top1"] = _score(60.0)
    assert verdict(report).startswith(
        "Fine-tuning pays here: top-1 70.0 % [68.0, 72.0] against 60.0 % [58.0, 62.0] for a linear "
        "probe on the weights as they are (+10.0 points)"
    )


@pytest.mark.parametrize(("probe", "told"), [(75.0, True), (73.0, False), (71.0, False)])
def test_a_linear_probe_that_beats_fine_tuning_is_told_with_the_way_to_take_it(
    probe: float, told: bool
) -> None:
    report = _report(70.0, random=60.0)
    report["scores"]["linear_top1"] = _score(probe)  # intervals reach 2 points to each side
    assert ("--set finetune.trains=classifier." in verdict(report)) is told


def test_the_way_to_train_the_classifier_alone_is_one_that_the_recipe_takes() -> None:
    report = _report(70.0, random=60.0)
    report["scores"]["linear_top1"] = _score(75.0)
    report["recipe"] = {"backbone": {"last_stage": "keep"}, "finetune": {"layer_decay": 0.75}}
    assert "--set finetune.trains=classifier --set finetune.layer_decay=1." in verdict(report)
    report["recipe"]["backbone"]["last_stage"] = "remove"
    assert verdict(report).endswith("is better, 75.0 % [73.0, 77.0].")


def test_without_labels_and_without_test_images_are_told_apart() -> None:
    assert "without labels there is nothing to score" in verdict({"data": {"classes": []}})
    assert "without test images" in verdict({"data": {"classes": ["a", "b"]}})


def _paired(
    ours: float, rivals: dict[str, float], half: float, **more: dict[str, Any]
) -> dict[str, Any]:
    """A report that knows the paired difference with every rival, ``half`` points either way."""
    report = _report(ours)
    report["arms"] = {"ours": {"epochs": 26, "checkpoint": "ckpt.pt"}}
    for name, value in rivals.items():
        gain = ours - value
        report[f"scores_{name.replace('-', '_')}"] = {"finetune_top1": _score(value)}
        report["arms"][name] = {
            "epochs": 41 if name.endswith("longer") else 26, "checkpoint": f"ckpt-{name}.pt",
            "difference": {"value": gain, "low": gain - half, "high": gain + half, "n": 713},
            **({"command": "edgessl finetune net.pt --data pets"} if "init" in name else {}),
        }  # fmt: skip
    return {**report, "init": "weights/net.pt", **more}


BEST = "the weights of net.pt fine-tuned directly for the same total time"


def test_a_gain_outside_the_paired_interval_pays_although_the_intervals_overlap() -> None:
    text = verdict(_paired(70.0, {"init": 65.0, "init-longer": 67.0}, 2.1))
    assert text == (
        f"Self-supervision pays here: fine-tuned top-1 70.0 % [68.0, 72.0] against "
        f"67.0 % [65.0, 69.0] for {BEST} (41 epochs of fine-tuning, ours 26): "
        "+3.0 points [+0.9, +5.1], paired on the same 713 test images; one seed."
    )


def test_where_it_did_not_pay_the_verdict_says_what_to_do_instead() -> None:
    text = verdict(_paired(70.0, {"random": 50.0, "init": 71.0, "init-longer": 72.1}, 1.6))
    assert text.startswith("Self-supervision did not pay here: fine-tuned top-1 70.0 % ")
    assert text.endswith(
        "Fine-tuning the weights of net.pt directly for the same total time is better by 2.1 "
        "points [0.5, 3.7]: skip pretraining: `edgessl finetune net.pt --data pets` (its "
        "checkpoint is ckpt-init-longer.pt in the run folder)."
    )


@pytest.mark.parametrize("ours", [69.0, 70.0, 71.0])
def test_no_clear_difference_is_said_on_both_sides_of_none(ours: float) -> None:
    text = verdict(_paired(ours, {"init": 70.0}, 1.5))
    assert text.startswith("No difference is shown: ")
    assert "(41 epochs" not in text  # both had as many
    assert text.endswith(
        " Pretraining is not shown to be worth its time; without it: `edgessl finetune net.pt "
        "--data pets` (its checkpoint is ckpt-init.pt in the run folder)."
    )


def test_a_random_start_that_is_better_is_named_with_its_checkpoint() -> None:
    text = verdict(_paired(60.0, {"random": 70.0, "init": 65.0}, 2.0))
    assert text.endswith(
        "A random start with the same fine-tuning is better by 10.0 points [8.0, 12.0]: "
        "skip pretraining (its checkpoint is ckpt-random.pt in the run folder)."
    )


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ("imagenet", "the ImageNet weights"),
        ("timm:resnet18", "the weights of timm:resnet18"),
        ("/data/my weights/a.pth", "the weights of a.pth"),
    ],
)
def test_weights_are_named_by_where_they_come_from(init: str, words: str) -> None:
    report = {**_paired(60.0, {"init": 70.0}, 2.0), "init": init}
    assert f"for {words} fine-tuned directly" in verdict(report)
    assert f" Fine-tuning {words} directly is better by" in verdict(report)


def test_pretraining_on_labels_is_called_so() -> None:
    report = {**_paired(50.0, {"init": 60.0}, 2.0), "recipe": {"method": {"name": "supervised"}}}
    text = verdict(report)
    assert text.startswith("Supervised pretraining did not pay here: ")
    assert "skip pretraining: `edgessl finetune" in text
