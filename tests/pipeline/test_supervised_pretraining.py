"""A run of supervised pretraining: labelled images alone, a network that all commands read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pipeline.stories import Finetuning, plan_recipe, run_finetune, run_recipe
from tiny_run import ENGINE, Listener, request, write_images

from edgessl import checkpoint
from edgessl.backbones import Classifier, deployable_from
from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.score.evaluate import evaluate_model
from edgessl.pipeline.verdict import verdict
from edgessl.report.health import health

RECIPE = """
source = "mine"
backbone = { name = "timm:test_efficientnet" }
method = { name = "supervised", label_smoothing = 0.1, mixup_alpha = 0.2 }
image = { resize_px = 36, crop_px = 32 }
optim = { name = "sgd", lr = 0.05, lr_batch = 0 }
pretrain = { epochs = 4, batch_size = 8, monitor_every_percent = 50 }

[[views]]
count = 1
size_px = 32
scale = [0.3, 1.0]
blur_p = [0.5]

[finetune]
epochs = 1
batch_size = 8
optim = { name = "sgd", lr = 0.01, lr_batch = 0 }
view = { count = 1, size_px = 32, scale = [0.35, 1.0] }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``images`` of four classes in two groups, and ``recipe.toml``."""
    folder = tmp_path_factory.mktemp("supervised")
    write_images(folder / "images", classes=4)
    lines = [f"class{number},{'even' if number % 2 == 0 else 'odd'}" for number in range(4)]
    (folder / "images" / "hierarchy.csv").write_text("\n".join(["class,parity", *lines]))
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def done(place: Path) -> Path:
    """The folder of a finished run."""
    run_recipe(request(place / "recipe.toml", place / "images", place / "run"), Listener())
    return place / "run"


def _log(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_the_report_names_it_and_scores_its_own_classifier(done: Path) -> None:
    report = json.loads((done / "report.json").read_text())
    assert set(report["scores"]) == {
        "knn_top1", "linear_top1", "supervised_top1", "finetune_top1"
    }  # fmt: skip
    assert "elf-supervision" not in report["verdict"]
    page = (done / "report.html").read_text()
    assert "Labels found while pretraining" in page
    assert "Own classifier" in page


def test_a_gain_is_said_to_be_supervised_pretrainings() -> None:
    high, low = ({"value": v, "low": v - 1, "high": v + 1} for v in (90.0, 50.0))
    report = {
        "data": {"classes": ["a", "b"]}, "recipe": {"method": {"name": "supervised"}},
        "scores": {"finetune_top1": high}, "scores_random": {"finetune_top1": low},
    }  # fmt: skip
    assert verdict(report).startswith("Supervised pretraining pays here: ")
    report["recipe"] = {"method": {"name": "dino"}}
    assert verdict(report).startswith("Self-supervision pays here: ")


def test_the_log_has_loss_accuracy_and_the_monitor_and_no_doctor(done: Path) -> None:
    lines = [line for line in _log(done) if line["stage"] == "pretrain"]
    steps = [line for line in lines if "loss" in line]
    assert all({"train_top1_percent", "chance_loss"} <= line.keys() for line in steps)
    watched = [line for line in lines if "retrieval_top1" in line]
    assert len(watched) == 2
    assert all("knn_top1" in line for line in watched)
    assert not any("health" in line for line in lines)
    assert health(lines) == {}


def test_its_files_are_read_by_evaluation_and_fine_tuning(place: Path, done: Path) -> None:
    data = str(place / "images")
    for protocol in ("knn", "linear"):
        assert evaluate_model(done / "pretrained.pt", data, protocol).score.n > 0
    own = evaluate_model(done / "supervised.pt", data, "top1").score
    report = json.loads((done / "report.json").read_text())
    assert own.value == pytest.approx(report["scores"]["supervised_top1"]["value"])
    wanted = Finetuning(
        str(done / "pretrained.pt"), data, out=place / "tuned", device="cpu", baselines=("none",),
        overrides=ENGINE,
    )  # fmt: skip
    assert "finetune_top1" in run_finetune(wanted, Listener())["scores"]


def test_the_classifier_has_the_pretrained_backbone(done: Path) -> None:
    kept = checkpoint.load(done / "pretrained.pt")["weights"]
    whole = deployable_from(checkpoint.load(done / "supervised.pt"), "supervised.pt")
    assert isinstance(whole.module, Classifier)
    assert whole.classes == ("class0", "class1", "class2", "class3")
    own = whole.backbone.state_dict()
    assert all(torch.equal(own[key], value) for key, value in kept.items())


@pytest.mark.parametrize("crash", [False, True])
def test_a_stopped_run_goes_on_to_the_same_weights(
    place: Path, done: Path, tmp_path: Path, crash: bool
) -> None:
    wanted = request(place / "recipe.toml", place / "images", tmp_path / "run")
    with pytest.raises(RuntimeError if crash else Interrupted):
        run_recipe(wanted, Listener("pretrain", 7, crash=crash))
    run_recipe(wanted, Listener())
    for name in ("pretrained.pt", "supervised.pt", "ckpt.pt"):
        ours, theirs = (checkpoint.load(run / name)["weights"] for run in (tmp_path / "run", done))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs), name


def test_unlabelled_images_are_left_out_and_that_is_said(place: Path, tmp_path: Path) -> None:
    more = write_images(tmp_path / "more", classes=1, count=20, labelled=False)
    told = Listener()
    wanted = request(place / "recipe.toml", more, tmp_path / "run", "pretrain.epochs=1")
    plan = plan_recipe(replace(wanted, labels=str(place / "images")), told)
    assert "images      36 for pretraining, views 1x32 px" in plan
    # Twelve of the twenty are twins of labelled ones.
    assert "8 images without label are left out of pretraining." in told.sentences


def test_coarser_labels_and_fewer_classes_are_learned(place: Path, tmp_path: Path) -> None:
    told = Listener()
    wanted = request(
        place / "recipe.toml", place / "images", tmp_path / "run",
        "data.labels=parity", "data.max_classes=3", "data.max_images=20", "pretrain.epochs=1",
    )  # fmt: skip
    report = run_recipe(wanted, told)
    assert "supervised_top1" not in report["scores"]  # it does not answer with classes
    own = checkpoint.load(tmp_path / "run" / "supervised.pt")
    assert own["classes"] == ["even", "odd"]
    assert len(checkpoint.load(tmp_path / "run" / "ckpt.pt")["classes"]) == 4
    assert "Pretraining sees 3 of 4 classes." in told.sentences
    assert "Pretraining sees 20 of 27 images, drawn at random." in told.sentences


def test_other_labels_in_the_table_are_another_run(place: Path, tmp_path: Path) -> None:
    table = tmp_path / "levels.csv"
    lines = (place / "images" / "hierarchy.csv").read_text()
    table.write_text(lines)
    wanted = request(
        place / "recipe.toml", place / "images", tmp_path / "run", "pretrain.epochs=1",
        "data.labels=parity", f"data.hierarchy={table}",
    )  # fmt: skip
    run_recipe(wanted, Listener())
    table.write_text(lines.replace("class1,odd", "class1,even"))
    with pytest.raises(UserError, match=r"this one differs in labels \("):
        run_recipe(wanted, Listener())


def test_images_without_labels_are_refused_in_one_sentence(place: Path, tmp_path: Path) -> None:
    bare = write_images(tmp_path / "bare", classes=1, count=20, labelled=False)
    with pytest.raises(UserError) as refusal:
        run_recipe(request(place / "recipe.toml", bare, tmp_path / "run"), Listener())
    assert "must have one label an image for supervised pretraining, found none" in str(
        refusal.value
    )
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()
