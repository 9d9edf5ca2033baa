"""What a run leaves behind, says, and refuses, with labels and without."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pipeline.stories import Pretraining, plan_recipe, run_recipe
from tiny_run import Listener, request

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.data.load import dataset_of
from edgessl.errors import UserError
from edgessl.metrics.cost import macs
from edgessl.recipe import load_recipe

KNOWN = "mobilenetv2"
"""A network whose loss in int8 a plan can foretell."""


def _unlabelled(tiny: Path, out: Path) -> Pretraining:
    """Ask for one epoch of pretraining only."""
    return request(tiny / "tiny.toml", tiny / "unlabelled", out, "pretrain.epochs=1")


def test_unlabelled_images_are_pretrained_on_only_and_it_says_so(
    tiny: Path, tmp_path: Path
) -> None:
    listener = Listener()
    out = tmp_path / "run"
    report = run_recipe(_unlabelled(tiny, out), listener)
    assert "No labels: this run pretrains only, and keeps the backbone." in listener.sentences
    assert "pretrain" in listener.stages
    assert "finetune" not in listener.stages
    assert report["verdict"].startswith("Pretraining is done; without labels")
    assert "scores" not in report
    assert checkpoint.load(out / "ckpt.pt")["head"] == "features"
    assert (out / "backbone.safetensors").stat().st_mode == (out / "ckpt.pt").stat().st_mode
    assert report["next"] == f"edgessl finetune {out / 'pretrained.pt'} --data LABELLED"
    assert report["alternatives"] == [f"edgessl eval {out / 'ckpt.pt'} --data LABELLED"]
    assert report["model"]["last_stage"] == "remove"
    assert "majority" not in report


def test_labels_that_were_named_from_one_folder_are_found_from_any(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny)
    wanted = request(tiny / "tiny.toml", Path("unlabelled"), tmp_path / "run", "pretrain.epochs=1")
    run_recipe(replace(wanted, labels="images"), Listener())
    monkeypatch.chdir(tmp_path)
    provenance = checkpoint.load(tmp_path / "run" / "ckpt.pt")["provenance"]
    assert provenance["labels"] == str(tiny / "images")
    assert len(dataset_of(provenance).test) == 4


def test_a_labelled_run_leaves_every_file_and_may_get_a_baseline_later(
    tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    settings = ("pretrain.epochs=1", "finetune.epochs=1", "finetune.view.scale=[0.5, 1.0]")
    # In what is fastest on this machine, as any run that its recipe does not tell otherwise.
    wanted = replace(request(tiny / "tiny.toml", tiny / "images", out), overrides=settings)
    report = run_recipe(wanted, Listener())
    written = {path.name for path in out.iterdir()}
    assert written >= {
        "recipe.toml", "run.json", "log.jsonl", "timing.jsonl", "pretrained.pt", "ckpt.pt",
        "backbone.safetensors", "views.npz", "report.json", "report.html",
    }
    assert load_recipe(str(out / "recipe.toml")).finetune.view.scale == (0.5, 1.0)
    assert json.loads((out / "report.json").read_text()) == report
    assert set(report["scores"]) == {"knn_top1", "linear_top1", "finetune_top1"}
    assert set(report["scores_random"]) == {"knn_top1", "linear_top1"}
    assert "no baseline was trained" in report["verdict"]
    assert report["majority"] == {"class": "class0", "value": 50.0, "n": 4}
    assert (report["alternatives"], report["model"]["last_stage"]) == ([], "keep")
    seen = (out / "trained_on.txt").read_text().splitlines()
    assert (seen[0], len(seen)) == (f"data {report['data']['fingerprint']}", 1 + 18)
    monitored = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert any("knn_top1" in line for line in monitored)

    later = Listener()
    again = run_recipe(replace(wanted, baselines=("random",)), later)
    assert "pretrain" not in later.stages
    assert again["scores"] == report["scores"]
    assert set(again["scores_random"]) == {"knn_top1", "linear_top1", "finetune_top1"}
    assert "for a random start with the same fine-tuning" in again["verdict"]


def test_a_fresh_run_starts_over_and_keeps_what_is_not_its_own(
    tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    wanted = _unlabelled(tiny, out)
    run_recipe(wanted, Listener())
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    listener = Listener()
    run_recipe(replace(wanted, fresh=True, seed=1), listener)
    assert "pretrain" in listener.stages
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert json.loads((out / "run.json").read_text())["identity"]["seed"] == 1


def test_init_starts_from_the_weights_of_another_run(
    tiny: Path, finished: Path, tmp_path: Path
) -> None:
    for name in ("pretrained.pt", "backbone.safetensors"):
        listener = Listener()
        source = str(finished / name)
        run_recipe(replace(_unlabelled(tiny, tmp_path / name), init=source), listener)
        loaded = [line for line in listener.sentences if line.startswith("Starting from")]
        assert len(loaded) == 1
        assert loaded[0].startswith(f"Starting from {source}: ")
        some, _, of = loaded[0].partition(" tensors loaded.")[0].rsplit(" ", 2)
        assert some.endswith(of)  # every tensor


def test_a_plan_trains_and_writes_nothing(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    wanted = request(tiny / "tiny.toml", tiny / "images", out, f"backbone.name={KNOWN}")
    text = plan_recipe(wanted, Listener())
    assert not out.exists()
    lines = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert lines["images"].endswith("for pretraining, views 2x32 + 1x16 px")
    assert lines["steps"].startswith("4 pretraining (2 epochs, batch 8), 6 fine-tuning")
    assert set(lines) == {
        "images", "steps", "compute", "int8", "pack", "rate", "time", "size", "memory", "disk",
    }  # fmt: skip
    backbone = Backbone(KNOWN, "remove", 32)
    cost = 2 * macs(backbone, 32) + macs(backbone, 16)
    assert lines["compute"].startswith(f"{cost / 1e6:.2f} M MACs an image, ")


def test_a_run_json_of_something_else_is_refused(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    for text in ("[1, 2]", '{"name": "other"}', "{"):
        (out / "run.json").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match="must be the JSON that edgessl wrote"):
            run_recipe(_unlabelled(tiny, out), Listener())
