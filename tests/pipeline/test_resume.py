"""A run that was stopped, killed or damaged goes on to exactly the result of one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pipeline.stories import run_recipe
from tiny_run import Listener, request, write_images

from edgessl import checkpoint
from edgessl.errors import Interrupted, UserError
from edgessl.runs.folder import RunFolder
from edgessl.train.stage import state

Run = Callable[..., dict[str, object]]


@pytest.fixture(scope="module")
def run(tiny: Path) -> Run:
    """Runs the tiny recipe in a folder, told what to say and to do by a listener."""

    def start(out: Path, listener: Listener, *overrides: str, seed: int = 0) -> dict[str, object]:
        wanted = request(tiny / "tiny.toml", tiny / "images", out, *overrides, seed=seed)
        return run_recipe(wanted, listener)

    return start


@pytest.fixture(scope="module")
def whole(
    copied: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    """A run that nothing disturbed: its folder and its report."""
    out = copied(tmp_path_factory.mktemp("resume") / "whole")
    return out, json.loads((out / "report.json").read_text())


def _same_weights(first: Path, second: Path) -> bool:
    ours, theirs = checkpoint.load(first)["weights"], checkpoint.load(second)["weights"]
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def _assert_same(
    out: Path, report: dict[str, object], whole: tuple[Path, dict[str, object]]
) -> None:
    for name in ("pretrained.pt", "ckpt.pt"):
        assert _same_weights(out / name, whole[0] / name), name
    assert (out / "log.jsonl").read_text() == (whole[0] / "log.jsonl").read_text()
    assert report["scores"] == whole[1]["scores"]
    assert report["confusion"] == whole[1]["confusion"]


def test_a_run_stopped_in_every_stage_ends_as_if_it_never_was(
    tmp_path: Path, run: Run, whole: tuple[Path, dict[str, object]]
) -> None:
    out = tmp_path / "stopped"
    for stage, step in (("pretrain", 1), ("pretrain", 3), ("warmup", 1), ("finetune", 3)):
        with pytest.raises(Interrupted, match=f"^stopped in {stage} at step {step} of ") as stop:
            run(out, Listener(stage, step))
        assert stop.value.exit_code == 128 + 15
    last = Listener()
    report = run(out, last)
    assert "Going on with finetune from step 3." in last.sentences
    assert not {"pretrain", "warmup"} & last.stages
    _assert_same(out, report, whole)


def test_a_run_that_died_unwarned_goes_on_from_its_last_state(
    tmp_path: Path,
    run: Run,
    whole: tuple[Path, dict[str, object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state, "SAVE_EVERY_S", 0.0)  # a state after every step
    monkeypatch.setattr(state, "SAVE_EPOCH_EVERY_S", 0.0)
    monkeypatch.setattr(state, "SAVE_SHARE", float("inf"))
    out = tmp_path / "died"
    with pytest.raises(RuntimeError, match="power cut"):
        run(out, Listener("pretrain", 3, crash=True))
    states = sorted((out / "state").glob("?.pt"), key=lambda path: path.stat().st_mtime_ns)
    assert len(states) == 2
    states[1].write_bytes(states[1].read_bytes()[:1000])  # the newer one was half written
    with (out / "log.jsonl").open("a") as log:
        log.write('{"stage": "pretrain", "st')
    last = Listener()
    report = run(out, last)
    assert "Going on with pretrain from step 1." in last.sentences
    assert any("cannot be read (damaged); going on from" in line for line in last.sentences)
    _assert_same(out, report, whole)


def test_the_same_command_once_more_trains_nothing_and_says_it_is_done(
    run: Run, whole: tuple[Path, dict[str, object]]
) -> None:
    out, report = whole
    before = (out / "ckpt.pt").read_bytes()
    again = Listener()
    assert run(out, again)["scores"] == report["scores"]
    assert f"{out}: this run is done; --fresh starts it over." in again.sentences
    assert not {"pretrain", "warmup", "finetune"} & again.stages
    assert (out / "ckpt.pt").read_bytes() == before


def test_another_seed_is_refused_by_name(run: Run, whole: tuple[Path, dict[str, object]]) -> None:
    with pytest.raises(UserError, match=r"differs in seed \(0 before, 1 now\)") as refusal:
        run(whole[0], Listener(), seed=1)
    assert refusal.value.exit_code == 2


def test_another_recipe_key_is_refused_by_name(
    run: Run, whole: tuple[Path, dict[str, object]]
) -> None:
    expected = r"differs in optim\.lr \(1.0 before, 3.0 now\); choose another folder with --out"
    with pytest.raises(UserError, match=expected):
        run(whole[0], Listener(), "optim.lr=3.0")


def test_other_images_are_refused_by_name(
    tiny: Path, tmp_path: Path, whole: tuple[Path, dict[str, object]]
) -> None:
    other = write_images(tmp_path / "other", count=13)
    with pytest.raises(UserError, match=r"differs in data \("):
        run_recipe(request(tiny / "tiny.toml", other, whole[0]), Listener())


def test_a_folder_in_use_is_refused(run: Run, whole: tuple[Path, dict[str, object]]) -> None:
    with (
        RunFolder(whole[0]).locked(),
        pytest.raises(UserError, match="must be used by one process at a time"),
    ):
        run(whole[0], Listener())
