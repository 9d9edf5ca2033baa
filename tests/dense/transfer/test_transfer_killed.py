"""A paper's detector or segmenter whose training is killed goes on to the same bits."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from dense.transfer.tiny_sets import write_cityscapes, write_devkit, write_instances
from dense.transfer.tiny_transfer import TINY, write_weights

from edgessl import checkpoint
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.story import follow
from edgessl.pipeline.dense.transfer import PAPERS
from edgessl.reporter import Silent

PROGRAM = """
import os, signal, sys
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.story import follow
from edgessl.pipeline.dense.transfer import PAPERS
from edgessl.reporter import Silent
from edgessl.train.stage import state
state.SAVE_EVERY_S, state.SAVE_SHARE = 0.0, 1e9  # after every step
class Kills(Silent):
    def progress(self, activity, done, total, note=""):
        if activity == sys.argv[1] and done == 4:
            os.kill(os.getpid(), signal.SIGKILL)
task, recipe, data, weights, out = sys.argv[1:6]
follow(PAPERS[task], Asked(recipe, data, out, init=weights, backbone="resnet18", iterations=6,
                           device="cpu", overrides=sys.argv[6:]), reporter=Kills())
"""
C4 = tuple(one for one in TINY if "width" not in one and "anchor_px" not in one)
PIXELS = (
    "image.train_px=[48,96]", "image.window_px=[64,64]", "image.test_px=64", "segmenter.width=16",
    "train.batch_size=2", "segmenter.precise_batchnorm_steps=1",
)  # fmt: skip


class Hears(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        """Keep a sentence."""
        self.said.append(sentence)


@pytest.mark.slow  # last run 2026-11-27: passed
@pytest.mark.parametrize(
    ("recipe", "write", "settings"),
    [
        ("s3l-voc07-fpn", write_devkit, TINY),
        ("airl-coco-c4", write_instances, C4),
        ("airl-cityscapes", write_cityscapes, PIXELS),
    ],
    ids=["fpn", "c4-with-masks", "deeplab"],
)
def test_it_ends_as_one_that_nothing_disturbed(
    tmp_path: Path, recipe: str, write: object, settings: tuple[str, ...]
) -> None:
    task = "segment" if recipe == "airl-cityscapes" else "detect"
    data = write(tmp_path / "data")  # type: ignore[operator]
    weights = write_weights(tmp_path / "net.pth")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-c", PROGRAM, task, recipe, str(data), str(weights), str(killed),
               *settings]  # fmt: skip
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (killed / "ckpt.pt").exists()
    hears = Hears()
    for out in (killed, whole):
        asked = Asked(recipe, data, out, init=str(weights), backbone="resnet18", iterations=6,
                      device="cpu", overrides=settings)  # fmt: skip
        follow(PAPERS[task], asked, reporter=hears)
    assert f"Going on with {task} from step 3." in hears.said
    first, second = (checkpoint.load(out / "ckpt.pt")["weights"] for out in (killed, whole))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
