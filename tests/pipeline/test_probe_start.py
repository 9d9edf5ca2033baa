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


def test_the_network_that_is_kept_lies_between_start_and_end(tiny: Path, tmp_path: Path) -> None:
    shrinks = ("finetune.classifier_start=probe", "finetune.optim.lr=0.5",
               "finetune.optim.weight_decay=0.5", "finetune.optim.warmup_percent=0")  # fmt: skip
    found = {}
    for share in (0.0, 0.25, 0.999999):
        place = tmp_path / str(share)
        place.mkdir()
        tuned(tiny, place, *shrinks, f"finetune.start_share={share}")
        found[share] = checkpoint.load(place / "tuned" / "ckpt.pt")["weights"]
    for key, end in found[0.0].items():
        if end.is_floating_point():
            between = end + 0.25 * (found[0.999999][key] - end)
            torch.testing.assert_close(found[0.25][key], between, rtol=1e-3, atol=1e-3)
    moved = (found[0.999999]["fc.weight"] - found[0.0]["fc.weight"]).abs().max()
    assert float(moved) > 1e-2


def test_a_share_of_a_random_classifier_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"finetune\.start_share must be left out"):
        tuned(tiny, tmp_path, "finetune.start_share=0.5")


def test_with_many_labels_the_end_of_training_is_kept(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgessl.pipeline.finetuning.FEW_LABELS", 1)
    found = []
    for share in (0.0, 0.9):
        place = tmp_path / str(share)
        place.mkdir()
        tuned(tiny, place, "finetune.classifier_start=probe", "finetune.optim.lr=0.01",
              f"finetune.start_share={share}")  # fmt: skip
        found.append(checkpoint.load(place / "tuned" / "ckpt.pt")["weights"])
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])
