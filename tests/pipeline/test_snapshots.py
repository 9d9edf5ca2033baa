"""Snapshots of pretraining are whole networks, the same however often a run is stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pipeline.stories import Finetuning, Pretraining, plan_recipe, run_finetune, run_recipe
from tiny_run import ENGINE, Listener, request

from edgessl import checkpoint
from edgessl.errors import Interrupted
from edgessl.runs.snapshots import file_of, run_of

STAGES = ("pretrain.epochs=4", "pretrain.keep_every_epochs=2",
          'pretrain.stages=[{epochs = 1, views_px = [24, 16]}, {epochs = 3, views_px = [32, 16]}]',
          )  # fmt: skip


def _wanted(tiny: Path, out: Path, *overrides: str) -> Pretraining:
    return request(tiny / "tiny.toml", tiny / "unlabelled", out, *overrides)


@pytest.fixture(scope="module")
def kept(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two stages, 1 and 3 epochs, with a snapshot every second epoch."""
    out = tmp_path_factory.mktemp("snapshots") / "kept"
    run_recipe(_wanted(tiny, out, *STAGES), Listener())
    return out


def test_epochs_count_over_stages_and_the_last_is_what_pretraining_leaves(kept: Path) -> None:
    assert sorted(path.name for path in (kept / "snapshots").iterdir()) == [
        "epoch-0002.pt", "epoch-0004.pt",
    ]  # fmt: skip
    first, last, end = (
        checkpoint.load(kept / name) for name in (file_of(2), file_of(4), "pretrained.pt")
    )
    assert last.keys() == end.keys()
    assert all(torch.equal(last["weights"][key], end["weights"][key]) for key in end["weights"])
    assert any(not torch.equal(first["weights"][key], end["weights"][key])
               for key in end["weights"])  # fmt: skip


def test_a_stopped_run_leaves_the_same_ones(tiny: Path, tmp_path: Path, kept: Path) -> None:
    out = tmp_path / "stopped"
    for stage, step in (("pretrain-2", 1), ("pretrain-2", 2)):
        with pytest.raises(Interrupted):
            run_recipe(_wanted(tiny, out, *STAGES), Listener(stage, step))
    run_recipe(_wanted(tiny, out, *STAGES), Listener())
    for name in (file_of(2), file_of(4), "pretrained.pt", "log.jsonl"):
        assert (out / name).read_bytes() == (kept / name).read_bytes(), name


def test_a_snapshot_is_fine_tuned_with_the_recipe_of_its_run(
    tiny: Path, tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = Finetuning(
        str(kept / file_of(2)), str(tiny / "images"), device="cpu", baselines=("none",),
        overrides=ENGINE,
    )  # fmt: skip
    report = run_finetune(wanted, Listener())
    assert report["scores"]["finetune_top1"]["n"] > 0
    assert (tmp_path / "runs" / "images-finetune-kept-epoch-0002" / "ckpt.pt").is_file()


def test_a_plan_says_what_they_take(tiny: Path, tmp_path: Path) -> None:
    plan = plan_recipe(_wanted(tiny, tmp_path / "out", *STAGES), Listener())
    (disk,) = [line for line in plan.splitlines() if line.startswith("disk ")]
    assert ", 2 snapshots of " in disk
    (without,) = [
        line
        for line in plan_recipe(_wanted(tiny, tmp_path / "out"), Listener()).splitlines()
        if line.startswith("disk ")
    ]
    assert "snapshots" not in without


def test_fresh_starts_without_them(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_recipe(_wanted(tiny, out, "pretrain.keep_every_epochs=1"), Listener())
    assert (out / file_of(1)).is_file()
    run_recipe(replace(_wanted(tiny, out), fresh=True), Listener())
    assert not list((out / "snapshots").iterdir())


@pytest.mark.parametrize("name", ["pretrained.pt", "snapshots/epoch-0010.pt"])
def test_a_network_knows_its_run(name: str) -> None:
    assert run_of(Path("runs/one") / name) == Path("runs/one")
