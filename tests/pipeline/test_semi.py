"""A semi-supervised finish: it runs, resumes to the last bit, and says what it cannot do."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import run_recipe
from pipeline.tiny_run import ENGINE, Listener, request, write_images, write_recipe

import edgessl
from edgessl import checkpoint
from edgessl.cli import main
from edgessl.data.decode import digest_of
from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.finetune.semi import views_without_label
from edgessl.recipe import load_recipe
from edgessl.recipe.semi_table import SemiTable
from edgessl.reporter import Silent
from edgessl.runs.trained_on import shorten

SEMI = ("finetune.mixup_alpha=0", "finetune.epochs=3", "backbone.last_stage=keep",
        'evaluate.protocols=["finetune"]')  # fmt: skip
FEW = 3  # labels a class


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has pretrained on 24 images of two classes."""
    folder = tmp_path_factory.mktemp("semi")
    recipe, data = write_recipe(folder), write_images(folder / "data")
    asked = request(recipe, data, folder / "run", "pretrain.epochs=1", *SEMI)
    run_recipe(asked, Silent())
    return folder


def finetune(start: Path, out: Path, *changes: str, reporter: Any = None, **more: Any) -> Path:
    """Fine-tune on a few labels, and return the run folder."""
    edgessl.finetune(
        start / "run" / "pretrained.pt", out=out, device="cpu",
        overrides=(*ENGINE, *SEMI, *changes), reporter=reporter or Silent(),
        **{"data": start / "data", "labels_per_class": FEW, "baselines": ("none",), **more},
    )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def whole_run(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of an undisturbed run of a method, which is made once."""
    folder = tmp_path_factory.mktemp("whole")

    def run(name: str) -> Path:
        if not (folder / name).exists():
            finetune(start, folder / name, f"finetune.semi.name={name}")
        return folder / name

    return run


def weights(run: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(run / "ckpt.pt")["weights"])


@pytest.mark.parametrize("name", ["fixmatch", "flexmatch", "freematch", "softmatch"])
def test_every_method_goes_from_labels_and_other_images_to_a_classifier(
    whole_run: Callable[[str], Path], name: str
) -> None:
    run = whole_run(name)
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = [line for line in log if line["stage"] == "finetune" and "loss" in line]
    assert len(steps) == 3
    assert all(0.0 <= line["confident_percent"] <= 100.0 for line in steps)
    report = json.loads((run / "report.json").read_text())
    assert report["data"]["counts"]["train"] == 2 * FEW
    assert report["scores"]["finetune_top1"]["n"] > 0


@pytest.mark.parametrize("name", ["flexmatch", "freematch"])
def test_a_run_that_was_stopped_ends_with_the_same_weights(
    start: Path, whole_run: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    change = f"finetune.semi.name={name}"
    assert SemiTable(name=name).pseudo_labels_by == "average"  # which is resumed too
    whole = weights(whole_run(name))
    stopper = Listener("finetune", 2)
    with pytest.raises(Interrupted):
        finetune(start, tmp_path / "cut", change, reporter=stopper)
    resumed = weights(finetune(start, tmp_path / "cut", change))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[key]) for key, value in whole.items())


def test_the_average_is_what_is_kept(start: Path, tmp_path: Path) -> None:
    """With an average that forgets at once it is the trained network itself."""
    runs = [
        finetune(start, tmp_path / f"{number}", "finetune.semi.name=softmatch",
                 f"finetune.semi.average_decay={decay}")
        for number, decay in enumerate((0.0, 0.9))
    ]  # fmt: skip
    first, second = map(weights, runs)
    moved = [key for key in first if not torch.equal(first[key], second[key])]
    assert any("conv" in key for key in moved)
    assert any("running" in key for key in moved)


def test_batch_norm_that_is_kept_stays_in_the_average_too(start: Path, tmp_path: Path) -> None:
    run = finetune(start, tmp_path / "run", "finetune.semi.name=fixmatch",
                   "finetune.freeze_batchnorm=true", "finetune.layer_decay=0.8",
                   "finetune.head_warmup_percent=40")  # fmt: skip
    before = checkpoint.load(start / "run" / "pretrained.pt")["weights"]
    after = weights(run)
    kept = [key for key in before if "running" in key]
    assert kept
    assert all(torch.equal(before[key], after[f"backbone.{key}"]) for key in kept)


def test_images_of_another_folder_are_used_but_for_what_the_labelled_ones_hold_out(
    start: Path, tmp_path: Path
) -> None:
    """The folder has all labelled images again: test, val and train among them are left out."""
    other = write_images(tmp_path / "other", classes=3, labelled=False)
    shutil.copytree(start / "data", other / "again")
    run = finetune(start, tmp_path / "run", "finetune.semi.name=softmatch",
                   unlabelled=other, labels_per_class=None)  # fmt: skip
    counts = json.loads((run / "report.json").read_text())["data"]
    seen = (run / "trained_on.txt").read_text()
    digests = shorten(digest_of(file.read_bytes()) for file in other.glob("2-*.png"))
    assert len(digests) == 12
    assert all(digest in seen for digest in digests)
    assert counts["counts"]["unlabeled"] == 12  # of the third class: the others are the same
    assert any("48 that train, val or test have too are left out" in note
               for note in counts["notes"])  # fmt: skip


def test_a_random_start_beside_it_learns_from_the_same_images(start: Path, tmp_path: Path) -> None:
    run = finetune(start, tmp_path / "run", "finetune.semi.name=fixmatch", baselines=("random",))
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    for stage in ("finetune", "finetune_random"):
        assert any("confident_percent" in line for line in log if line["stage"] == stage)


def test_what_it_does_not_go_with_is_said(start: Path, tmp_path: Path) -> None:
    named = "finetune.semi.name=fixmatch"
    cases: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
        ((named,), {"labels_per_class": None}, "must have at least 2 images without label"),
        ((named,), {"unlabelled": start / "data", "labels_per_class": None},
         "must hold images besides the labelled ones"),
        ((named, "finetune.mixup_alpha=0.2"), {}, "finetune.mixup_alpha must be 0"),
        (("finetune.semi.name=fixmtch",), {}, "finetune.semi.name"),
        ((named, "finetune.semi.weak_scale=[0.9, 0.2]"), {}, "weak_scale must be two shares"),
        ((named,), {"unlabelled": tmp_path / "nowhere"},
         "--unlabelled: must be a folder, a CSV manifest or a named set"),
    ]  # fmt: skip
    for changes, more, sentence in cases:
        with pytest.raises(UserError) as error:
            finetune(start, tmp_path / "run", *changes, **more)
        assert sentence in str(error.value)
    assert not (tmp_path / "run").exists()


def test_the_command_refuses_an_empty_folder(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr("sys.argv", [
        "edgessl", "finetune", str(start / "run" / "pretrained.pt"), "--data", str(start / "data"),
        "--unlabelled", str(empty), "--set", "finetune.semi.name=fixmatch",
        "--set", "finetune.mixup_alpha=0", "--out", str(tmp_path / "run"),
    ])  # fmt: skip
    handler = signal.getsignal(signal.SIGTERM)  # which main() replaces
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert ended.value.code == 2
    assert "empty: must hold images, found none" in " ".join(capsys.readouterr().err.split())


def test_weak_and_strong_views_are_those_of_labelled_images_but_for_what_is_said(
    start: Path,
) -> None:
    finetuning = load_recipe(str(start / "tiny.toml")).finetune
    table = SemiTable(name="fixmatch", weak_scale=(0.7, 1.0))
    weak, strong = views_without_label(finetuning, table)
    assert weak == finetuning.view.model_copy(update={"scale": (0.7, 1.0)})
    assert strong == finetuning.view.model_copy(update={"rand_augment": table.strong})


def test_a_recipe_uses_the_images_whose_labels_it_does_not_keep(
    start: Path, tmp_path: Path
) -> None:
    asked = request(start / "tiny.toml", start / "data", tmp_path / "run", "pretrain.epochs=1",
                    *SEMI, "finetune.semi.name=softmatch")  # fmt: skip
    report = run_recipe(replace(asked, label_percent=30.0), Silent())
    assert report["data"]["counts"]["unlabeled"] > report["data"]["counts"]["train"]
    assert report["recipe"]["finetune"]["semi"]["name"] == "softmatch"
