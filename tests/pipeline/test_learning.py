"""Each factory recipe learns on the demo images: 198 steps on a CPU, told by kNN on unseen images.

`demo` has 12 classes and 360 test images. A random start scores 9 to 15 % there, in whatever BN
statistics; 6 epochs of a factory recipe reached 23 to 39 % (bench/LOG.md, "What keeps contrastive
methods from learning on demo"). A minute or two each on one core.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pipeline.stories import Pretraining, run_recipe

from edgessl.reporter import Silent

EPOCHS, STEPS = 6, 198
MARGIN = 6.0  # points of kNN above the better random start: 2.5 standard errors of 360 images


@pytest.mark.slow
@pytest.mark.parametrize("method", ["byol", "dino", "moco", "simclr", "swav"])
def test_knn_rises_above_the_random_start(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "run"
    request = Pretraining(
        f"mobilenetv2-{method}", "demo", out=out, epochs=EPOCHS, device="cpu", baselines=(),
        overrides=("finetune.epochs=1", "finetune.regrow.epochs=1"),
    )  # fmt: skip
    run_recipe(request, Silent())
    report = json.loads((out / "report.json").read_text())
    lines = (out / "log.jsonl").read_text().splitlines()
    steps = [entry for entry in map(json.loads, lines) if "loss" in entry]
    assert sum(entry["stage"] == "pretrain" for entry in steps) == STEPS
    learned, random = (report[key]["knn_top1"]["value"] for key in ("scores", "scores_random"))
    assert learned >= random + MARGIN
