"""A training of boxes or masks that is killed goes on to the same bits."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from dense.tiny_boxes import write_voc
from dense.tiny_detector import RECIPE, SMALL
from dense.tiny_masks import write_masks

from edgessl import checkpoint
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.recipe import FACTORY
from edgessl.pipeline.dense.story import follow
from edgessl.reporter import Silent

PROGRAM = """
import os, signal, sys
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.recipe import FACTORY
from edgessl.pipeline.dense.story import follow
from edgessl.reporter import Silent
class Kills(Silent):
    def progress(self, activity, done, total, note=""):
        if activity == sys.argv[1] and done == 5:
            os.kill(os.getpid(), signal.SIGKILL)
follow(FACTORY, Asked(sys.argv[2], sys.argv[3], sys.argv[4], overrides=sys.argv[5:], device="cpu"),
    reporter=Kills())
"""
MASKS = (
    "backbone.name=mobilenetv3s", "image.input_px=64", "train.batch_size=4", "train.epochs=2",
    "segmenter.width=16", "train.val_every_percent=50",
)  # fmt: skip


@pytest.mark.slow  # last run 2026-11-27: passed
@pytest.mark.parametrize(
    ("stage", "recipe", "settings"),
    [("detect", RECIPE, SMALL), ("segment", "lraspp-mobilenetv3l", MASKS)],
)
def test_it_ends_as_one_that_nothing_disturbed(
    tmp_path: Path, stage: str, recipe: str, settings: tuple[str, ...]
) -> None:
    data = tmp_path / "data"
    if stage == "detect":
        write_voc(data, count=24)
    else:
        write_masks(data)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-c", PROGRAM, stage, recipe, str(data), str(killed), *settings]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (killed / "ckpt.pt").exists()
    for out in (killed, whole):
        asked = Asked(recipe, data, out, overrides=settings, device="cpu")
        follow(FACTORY, asked, reporter=Silent())
    first, second = (checkpoint.load(out / "ckpt.pt")["weights"] for out in (killed, whole))
    assert all(torch.equal(first[key], second[key]) for key in first)
