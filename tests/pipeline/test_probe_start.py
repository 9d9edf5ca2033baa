"""A classifier that starts as the linear probe answers as the probe does, before any step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from pipeline.stories import Finetuning, run_finetune
from tiny_run import NETWORK, Listener, write_recipe

from edgessl import checkpoint
from edgessl.errors import UserError
from edgessl.pipeline.general import AsFeatures, open_general

HARDLY_MOVES = (
    "finetune.optim.lr=1e-12", "finetune.optim.weight_decay=0", "finetune.freeze_batchnorm=true",
)  # fmt: skip


def tuned(tiny: Path, place: Path, *overrides: str) -> dict[str, Any]:
    weights = place / "general.pth"
    with torch.random.fork_rng():
        torch.manual_seed(5)
        torch.save(timm.create_model(NETWORK.removeprefix("timm:")).state_dict(), weights)
    start = place / "start.pt"
    checkpoint.save(start, open_general(str(weights), AsFeatures(NETWORK, 32)).payload)
    asked = Finetuning(
        str(start), str(tiny / "images"), recipe=str(write_recipe(place)), out=place / "tuned",
        epochs=1, baselines=("none",), device="cpu", overrides=(*HARDLY_MOVES, *overrides),
    )  # fmt: skip
    listener = Listener()
    report = run_finetune(asked, listener)
    return {**report, "said": listener.sentences}


def test_the_classifier_starts_as_the_linear_probe(tiny: Path, tmp_path: Path) -> None:
    scores = tuned(tiny, tmp_path, "finetune.classifier_start=probe")["scores"]
    assert scores["finetune_top1"] == scores["linear_top1"]
    fc = checkpoint.load(tmp_path / "tuned" / "ckpt.pt")["weights"]
    # Of two classes the probe measures the second against the first, whose weights are zeros.
    assert float(fc["fc.weight"][0].abs().max()) < 1e-6


def test_a_random_start_is_told_apart_from_it(tiny: Path, tmp_path: Path) -> None:
    tuned(tiny, tmp_path)
    fc = checkpoint.load(tmp_path / "tuned" / "ckpt.pt")["weights"]
    assert float(fc["fc.weight"][0].abs().max()) > 1e-3


def test_a_deviation_of_random_weights_contradicts_it(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"finetune\.classifier_std must be left out"):
        tuned(tiny, tmp_path, "finetune.classifier_start=probe", "finetune.classifier_std=0.01")


def test_the_network_that_is_kept_lies_between_start_and_end(tiny: Path, tmp_path: Path) -> None:
    """On a val that is too small to choose the first share is taken."""
    moves = ("finetune.classifier_start=probe", "finetune.optim.lr=0.5",
             "finetune.optim.weight_decay=0.5", "finetune.optim.warmup_percent=0")  # fmt: skip
    found = {}
    for share in (0.0, 0.25, 0.999999):
        place = tmp_path / str(share)
        place.mkdir()
        tuned(tiny, place, *moves, f"finetune.start_shares=[{share},0.5]")
        found[share] = checkpoint.load(place / "tuned" / "ckpt.pt")["weights"]
    for key, end in found[0.0].items():
        if end.is_floating_point():
            between = end + 0.25 * (found[0.999999][key] - end)
            torch.testing.assert_close(found[0.25][key], between, rtol=1e-3, atol=1e-3)
    moved = (found[0.999999]["fc.weight"] - found[0.0]["fc.weight"]).abs().max()
    assert float(moved) > 1e-2


def test_val_chooses_the_start_where_training_has_destroyed_the_network(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgessl.pipeline.finetune.between.ENOUGH_VAL", 1)
    report = tuned(
        tiny, tmp_path, "finetune.classifier_start=probe", "finetune.optim.lr=50",
        "finetune.optim.warmup_percent=0", "finetune.start_shares=[0.0,0.9999999]",
    )  # fmt: skip
    val = report["closeness"]["finetune_top1"]["val"]["value"]
    told = [line for line in report["said"] if "the best on val" in line]
    assert len(told) == 1
    scores = [float(one) for one in re.findall(r"of the start ([0-9.]+) %", told[0])]
    assert max(scores) == pytest.approx(val, abs=0.06)


def test_shares_of_a_random_classifier_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"finetune\.start_shares must be left out"):
        tuned(tiny, tmp_path, "finetune.start_shares=[0.0,0.5]")
