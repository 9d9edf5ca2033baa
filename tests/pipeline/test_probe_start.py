"""A classifier that starts as the linear probe answers as the probe does, before any step."""

from __future__ import annotations

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
        start, str(tiny / "images"), recipe=str(write_recipe(place)), out=place / "tuned",
        epochs=1, baselines=("none",), device="cpu", overrides=(*HARDLY_MOVES, *overrides),
    )  # fmt: skip
    return run_finetune(asked, Listener())


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
