"""Fine-tuning is scored on val as it goes, keeps the epoch that is best, and resumes exactly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import Finetuning, run_finetune
from tiny_run import ENGINE, Listener

from edgessl import checkpoint
from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.finetune.val_watch import Looks, affordable_looks
from edgessl.train.stage import best_epoch

Tune = Callable[..., dict[str, Any]]
KEEP = ("finetune.keep=best", "finetune.patience=1", "finetune.optim.lr=1e-6")
"""At such a rate no epoch is better than the first, so that the second is the last."""


@pytest.fixture
def tune(tiny: Path, finished: Path, monkeypatch: pytest.MonkeyPatch) -> Tune:
    """Fine-tunes the finished run's backbone, where one image of val is enough to choose."""
    monkeypatch.setattr(best_epoch, "FEWEST_IMAGES", 1)

    def start(out: Path, listener: Listener, *overrides: str, epochs: int = 4) -> dict[str, Any]:
        wanted = Finetuning(
            str(finished / "pretrained.pt"), str(tiny / "images"), out=out, device="cpu",
            overrides=(*ENGINE, *overrides), epochs=epochs,
        )  # fmt: skip
        return run_finetune(replace(wanted), listener)

    return start


def _val(out: Path, stage: str) -> list[float]:
    lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [line["epoch"] for line in lines if line["stage"] == stage and "val_top1" in line]


def test_the_epoch_that_is_kept_is_exported_and_the_last_lies_beside(
    tune: Tune, tmp_path: Path
) -> None:
    whole, said = tmp_path / "whole", Listener()
    report = tune(whole, said, *KEEP)
    assert _val(whole, "finetune") == _val(whole, "finetune_random") == [1, 2]
    for stage, epochs in (("finetune", 4), ("finetune_random", 5)):  # the warm-up's too
        kept = report["kept"][stage]
        assert (kept["epoch"], kept["last"], kept["epochs"]) == (1, 2, epochs)
    assert any(
        line.startswith(
            "finetune: ended after epoch 2 of 4 (finetune.patience); epoch 1 of 2 is kept: "
        ) and line.endswith("; last.pt has the last.")
        for line in said.sentences
    )
    best, last = (checkpoint.load(whole / name) for name in ("ckpt.pt", "last.pt"))
    assert best["classes"] == last["classes"]
    assert any(not torch.equal(best["weights"][key], last["weights"][key])
               for key in best["weights"])  # fmt: skip

    # Stopped after the epoch that is kept, and again in the baseline, it ends the same.
    out = tmp_path / "stopped"
    for stage, step in (("finetune", 2), ("finetune", 3), ("finetune_random", 4)):
        with pytest.raises(Interrupted, match=f"^stopped in {stage} at step {step} of "):
            tune(out, Listener(stage, step), *KEEP)
    again = tune(out, Listener(), *KEEP)
    assert again["kept"] == report["kept"]
    for name in ("ckpt.pt", "last.pt", "state/random.pt", "log.jsonl"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


def test_watching_val_changes_no_weight(tune: Tune, tmp_path: Path, finished: Path) -> None:
    tune(tmp_path / "last", Listener(), epochs=2)
    tune(tmp_path / "best", Listener(), "finetune.keep=best", epochs=2)
    last, best = (
        tmp_path / "last" / "ckpt.pt",
        next(path for name in ("last.pt", "ckpt.pt")
             if (path := tmp_path / "best" / name).is_file()),
    )  # fmt: skip
    ours, theirs = checkpoint.load(last)["weights"], checkpoint.load(best)["weights"]
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_patience_without_a_choice_is_refused(tune: Tune, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"patience must come with keep = 'best'"):
        tune(tmp_path / "out", Listener(), "finetune.patience=3")


@pytest.mark.parametrize(
    ("val", "epochs", "budget", "looks"),
    [
        (150, 30, 1e9, Looks(30, 150)),  # all of it after every epoch
        (150, 30, 3000, Looks(20, 150)),  # all of it, less often
        (5000, 30, 6000, Looks(10, 600)),  # part of it, ten times
        (5000, 30, 10, Looks(10, 100)),  # the least that says something
        (40, 3, 10, Looks(3, 40)),
    ],
)
def test_val_is_looked_at_as_often_as_a_share_of_the_time_allows(
    val: int, epochs: int, budget: float, looks: Looks
) -> None:
    assert affordable_looks(val=val, epochs=epochs, budget=budget) == looks
