"""Pretraining in stages of growing views: each starts fresh from the weights of the one before."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import cos, pi
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import plan_recipe, run_recipe
from tiny_run import NETWORK, Listener, request, write_images, write_recipe

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.errors import GateFailed, Interrupted, UserError
from edgessl.metrics.cost import flops_s3l
from edgessl.pipeline.score import probe
from edgessl.pipeline.score.probe import Rate
from edgessl.report.health import health, in_words
from edgessl.runs.folder import RunFolder
from edgessl.train.stage import state

STAGES = (
    "pretrain.epochs=3",
    "pretrain.stages=[{epochs = 1, views_px = [16, 8]}, "
    "{epochs = 2, views_px = [32, 16], batch_size = 6}]",
)
FIRST_STEPS = 2  # of 16 images in batches of 8
METHODS = {
    "byol": '{name = "byol", projector = {hidden_dims = [16], out_dim = 8}, '
            'predictor = {hidden_dims = [16], out_dim = 8}}',
    "dino": '{name = "dino", hidden_dim = 16, bottleneck_dim = 8, prototypes = 16}',
    "moco": '{name = "moco", projector = {hidden_dims = [16], out_dim = 8}, queue = 24}',
    "simclr": '{name = "simclr"}',
    "swav": '{name = "swav", projector = {hidden_dims = [16], batch_norm = true, out_dim = 8}, '
            "prototypes = 8, queue = 16}",
}  # fmt: skip
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and a recipe."""
    root = tmp_path_factory.mktemp("stages")
    write_images(root / "images")
    write_images(root / "unlabelled", classes=1, count=16, labelled=False)
    write_recipe(root)
    return root


@pytest.fixture(scope="module")
def run(place: Path) -> Run:
    """Pretrains in two stages on images without labels, disturbed by a listener."""

    def start(out: Path, listener: Listener, *overrides: str, **changes: Any) -> dict[str, Any]:
        wanted = request(
            place / "tiny.toml", place / "unlabelled", out, *STAGES, *overrides
        )
        return run_recipe(replace(wanted, **changes), listener)

    return start


@pytest.fixture(scope="module")
def whole(place: Path, run: Run) -> tuple[Path, dict[str, Any]]:
    """A run that nothing disturbed: its folder and its report."""
    out = place / "whole"
    return out, run(out, Listener())


def _log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def _assert_same(out: Path, whole: Path) -> None:
    ours, theirs = (checkpoint.load(path / "pretrained.pt")["weights"] for path in (out, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert (out / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()


def test_a_run_stopped_in_every_stage_ends_as_if_it_never_was(
    place: Path, run: Run, whole: tuple[Path, dict[str, Any]]
) -> None:
    out = place / "stopped"
    for stage, step in (("pretrain-1", 1), ("pretrain-2", 3)):
        with pytest.raises(Interrupted, match=f"^stopped in {stage} at step {step} of "):
            run(out, Listener(stage, step))
    last = Listener()
    run(out, last)
    assert "Going on with pretrain-2 from step 3." in last.sentences
    assert "pretrain-1" not in last.stages
    _assert_same(out, whole[0])


@pytest.mark.parametrize("damaged", ["nothing", "both states"])
def test_a_run_killed_in_its_second_stage_ends_as_if_it_never_was(
    place: Path,
    run: Run,
    whole: tuple[Path, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    damaged: str,
) -> None:
    monkeypatch.setattr(state, "SAVE_EVERY_S", 0.0)  # a state after every step
    monkeypatch.setattr(state, "SAVE_EPOCH_EVERY_S", 0.0)
    monkeypatch.setattr(state, "SAVE_SHARE", float("inf"))
    out = place / damaged
    with pytest.raises(RuntimeError, match="power cut"):
        run(out, Listener("pretrain-2", 3, crash=True))
    states = sorted((out / "state").glob("?.pt"))
    assert len(states) == 2
    for path in states if damaged == "both states" else []:
        path.write_bytes(path.read_bytes()[:1000])
    last = Listener()
    run(out, last)
    resumed = "Going on with pretrain-2 from step 2." in last.sentences
    assert resumed == (damaged == "nothing")  # without a state it goes on from the stage before
    _assert_same(out, whole[0])


def test_a_run_killed_between_its_stages_ends_as_if_it_never_was(
    place: Path, run: Run, whole: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = place / "between"
    # The last step of a stage is done and its end kept, but run.json does not say so yet; then the
    # same with all of pretraining.
    for what, dies in (("once", _dies_after("pretrain-1")), ("keep_pretrained", _dies)):
        with monkeypatch.context() as patch:
            patch.setattr(f"edgessl.pipeline.pretrain.{what}", dies)
            with pytest.raises(RuntimeError, match="power cut"):
                run(out, Listener())
    last = Listener()
    run(out, last)
    assert not {"pretrain-1", "pretrain-2"} & last.stages
    _assert_same(out, whole[0])


def _dies(*_args: object) -> None:
    raise RuntimeError("power cut")


def _dies_after(name: str) -> Callable[..., dict[str, Any]]:
    def once(_context: object, stage: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        found = work()
        if stage == name:
            raise RuntimeError("power cut")
        return found

    return once


@pytest.mark.parametrize("method", METHODS)
def test_every_method_hands_all_its_tensors_on_and_nothing_of_its_optimiser(
    place: Path, run: Run, method: str
) -> None:
    out = place / method
    with pytest.raises(RuntimeError, match="power cut"):
        run(out, Listener("pretrain-2", 1, crash=True), f"method={METHODS[method]}")
    end = checkpoint.load(out / "state" / "pretrain-1-end.pt")
    (start,) = (
        state
        for path in (out / "state").glob("?.pt")
        if (state := checkpoint.load(path))["stage"] == "pretrain-2"
    )
    assert (start["step"], end["step"]) == (0, FIRST_STEPS)
    assert start["module"].keys() == end["module"].keys()
    assert all(torch.equal(value, end["module"][key]) for key, value in start["module"].items())
    assert _moments(end)
    assert not _moments(start)


def _moments(state: dict[str, Any]) -> bool:
    """Say whether an optimiser remembers any gradient."""
    return any(bool(one["momentum_buffer"].any()) for one in state["optimizer"]["state"].values())


def test_the_log_tells_stages_apart_and_counts_epochs_on(
    whole: tuple[Path, dict[str, Any]],
) -> None:
    steps = [line for line in _log(whole[0]) if "loss" in line]
    assert [line["stage"] for line in steps] == ["pretrain-1"] * 2 + ["pretrain-2"] * 4
    assert [line["step"] for line in steps] == [1, 2, 1, 2, 3, 4]
    assert [line["epoch"] for line in steps] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def test_every_stage_has_a_schedule_of_its_own(whole: tuple[Path, dict[str, Any]]) -> None:
    steps = [line for line in _log(whole[0]) if "loss" in line]
    first, second = ([line["lr"] for line in steps if line["stage"] == f"pretrain-{i}"]
                     for i in (1, 2))  # fmt: skip
    peak = 1.0 * 8 / 256
    assert first == pytest.approx([peak, peak / 2])  # a warm-up of 20 % is none of 2 steps
    peak = 1.0 * 6 / 256  # its own batch
    cosine = [peak * (1 + cos(pi * step / 3)) / 2 for step in range(3)]
    assert second == pytest.approx([0.0, *cosine])  # and its own warm-up, a step of 4


def test_the_monitor_looks_as_often_as_in_one_stage(whole: tuple[Path, dict[str, Any]]) -> None:
    looks = [line for line in _log(whole[0]) if "uniformity" in line]
    assert [(line["stage"], line["epoch"]) for line in looks] == [
        ("pretrain-2", 2), ("pretrain-2", 3),
    ]  # fmt: skip


def test_the_report_lists_the_stages(whole: tuple[Path, dict[str, Any]]) -> None:
    out, report = whole
    told = [(one["name"], one["epochs"], one["batch_size"], one["views_px"])
            for one in report["stages"]]  # fmt: skip
    assert told == [("pretrain-1", 1, 8, [16, 8]), ("pretrain-2", 2, 6, [32, 16])]
    seconds = sum(one["seconds"] for one in report["stages"])
    assert report["throughput"]["seconds"]["pretrain"] == pytest.approx(seconds, abs=0.02)
    page = (out / "report.html").read_text()
    assert "pretrain-2" in page
    assert "2 epochs of 32 + 16 px" in page


def test_the_doctor_judges_each_stage_by_itself() -> None:
    log = [
        {"stage": "pretrain-1", "step": 60, "health": "healthy"},
        {"stage": "pretrain-2", "step": 60, "health": "healthy"},
    ]
    assert in_words(health(log)["health"]) == [
        "From step 60 of pretrain-1: healthy.", "From step 60 of pretrain-2: healthy.",
    ]  # fmt: skip


def test_a_run_in_stages_is_not_made_longer(run: Run, whole: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(UserError, match=r"\(stages of pretraining cannot be made longer\)"):
        run(whole[0], Listener(), epochs=6)


def test_a_stage_that_diverges_names_its_own_key_and_is_kept(
    place: Path, run: Run
) -> None:
    out = place / "diverged"
    hot = (
        "pretrain.epochs=7",
        "pretrain.stages=[{epochs = 1, views_px = [16, 8]}, {epochs = 6, views_px = [32, 16], "
        'optim = {name = "sgd", lr = 1e30}}]',
    )
    with pytest.raises(GateFailed, match=r"a lower --set pretrain\.stages\.1\.optim\.lr="):
        run(out, Listener(), *hot)
    assert checkpoint.load(RunFolder.unmade(out).diverged)["stage"] == "pretrain-2"


def test_minutes_give_the_epochs_that_all_stages_fit_into_and_keep_their_shares(
    place: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {16: Rate(10.0, 8), 32: Rate(2.0, 8)}  # images/s, of 8 in a step
    monkeypatch.setattr(probe, "measure_rate", lambda _context, _method, stage: rates[
        stage.groups[0].size_px
    ])  # fmt: skip
    stages = (
        "pretrain.epochs=100",
        "pretrain.stages=[{percent = 75, views_px = [16, 8]}, {percent = 25, views_px = [32, 16]}]",
    )
    # An epoch of 16 images takes 16 x (0.75 / 10 + 0.25 / 2) = 3.2 s, and 8 % more around it.
    minutes = 4.5 * 3.2 * 1.08 / 60
    listener = Listener()
    report = run(place / "minutes", listener, *stages, minutes=minutes)
    assert report["recipe"]["pretrain"]["epochs"] == 4
    assert [one["epochs"] for one in report["stages"]] == [3, 1]
    assert "pretrain-1 gets 3, pretrain-2 gets 1 epochs." in listener.sentences
    assert run(place / "minutes", listener, *stages, minutes=minutes)["stages"] == report["stages"]


def test_fewer_epochs_are_shared_out_and_said(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "measure_rate", lambda *_arguments: Rate(1.0, 8))
    stages = "pretrain.stages=[{epochs = 6, views_px = [16, 8]}, {epochs = 3, views_px = [32, 16]}]"
    wanted = request(
        place / "tiny.toml", place / "images", place / "unmade", "pretrain.epochs=9", stages,
    )  # fmt: skip
    listener = Listener()
    told = plan_recipe(replace(wanted, epochs=3), listener)
    assert "--epochs 3: pretrain-1 gets 2, pretrain-2 gets 1 epochs." in listener.sentences
    rows = dict(line.split(maxsplit=1) for line in told.splitlines())
    assert rows["pretrain-1"].startswith("2 epochs, views 2x16 + 1x8 px, batch 8, 4 steps; ")
    assert rows["pretrain-2"].startswith("1 epochs, views 2x32 + 1x16 px, batch 8, 2 steps; ")
    costs = [float(rows[f"pretrain-{i}"].split("; ")[1].split(" M MACs")[0]) for i in (1, 2)]
    mean = float(rows["compute"].split(" M MACs an image, averaged over epochs")[0])
    assert mean == pytest.approx((2 * costs[0] + costs[1]) / 3, abs=0.01)
    backbone = Backbone(NETWORK, "remove", 32)
    small, large = (flops_s3l(backbone, px, backbone.feature_dim) for px in (16, 32))
    flops = f"; {(2 * small + large) / 3e6:.2f} M FLOPs a global view by S3L's rule"
    assert rows["compute"].endswith(flops)
    assert rows["pack"].startswith("64 px")  # for the views of 32 px, not those of 16
    assert not (place / "unmade").exists()
