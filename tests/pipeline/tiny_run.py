"""A recipe, a network and a folder of images so small that a whole run takes a second."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
from PIL import Image
from pipeline.stories import Pretraining

NETWORK = "timm:test_efficientnet"
"""A MobileNetV2 in all but its size: inverted residuals, and a last stage that can be removed."""

ENGINE = ("engine.precision=fp32", "engine.memory_format=contiguous")
"""Without these a run measures first what is fastest on its machine."""

RECIPE = f"""
source = "factory"

[backbone]
name = "{NETWORK}"
last_stage = "remove"

[method]
name = "dino"
hidden_dim = 32
bottleneck_dim = 16
prototypes = 32
freeze_last_layer_epochs = 1
spread_weight = 0.1

[image]
resize_px = 36
crop_px = 32

[optim]
name = "sgd"
lr = 1.0
warmup_percent = 20

[pretrain]
epochs = 2
batch_size = 8
monitor_every_percent = 50

[[views]]
count = 2
size_px = 32
scale = [0.3, 1.0]
jitter = {{ p = 0.8, brightness = 0.4, contrast = 0.4, saturation = 0.2, hue = 0.1 }}
blur_p = [1.0, 0.1]

[[views]]
count = 1
size_px = 16
scale = [0.05, 0.3]

[finetune]
epochs = 2
batch_size = 8
mixup_alpha = 0.2

[finetune.optim]
name = "adamw"
lr = 1e-3
weight_decay = 0.05

[finetune.view]
count = 1
size_px = 32
scale = [0.35, 1.0]

[finetune.regrow]
epochs = 1

[finetune.regrow.optim]
name = "lars"
lr = 1.0
"""


def write_recipe(folder: Path) -> Path:
    """Write the recipe as ``tiny.toml``."""
    path = folder / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def write_images(folder: Path, *, classes: int = 2, count: int = 12, labelled: bool = True) -> Path:
    """Write noise around one colour a class, ``count`` images of 44 x 40 px each."""
    draw = np.random.default_rng(0)
    for number in range(classes):
        colour = draw.integers(60, 200, 3)
        for index in range(count):
            pixels = (colour + draw.integers(-50, 50, (40, 44, 3))).clip(0, 255).astype(np.uint8)
            name = f"class{number}/{index}.png" if labelled else f"{number}-{index}.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name)
    return folder


def request(recipe: Path, data: Path, out: Path, *overrides: str, seed: int = 0) -> Pretraining:
    """Ask for the tiny run, computed in fp32 unless ``overrides`` say otherwise."""
    return Pretraining(
        recipe=str(recipe), data=str(data), out=out, device="cpu", baselines=("none",),
        overrides=(*ENGINE, *overrides), seed=seed,
    )


class Listener:
    """A reporter that remembers sentences, and disturbs the run at one step of one stage.

    Args:
        stage: Where to disturb; empty for nowhere.
        step: After which step.
        crash: Raise, as a bug or a kill would end it, instead of sending SIGTERM.
    """

    def __init__(self, stage: str = "", step: int = 0, *, crash: bool = False) -> None:
        self.sentences: list[str] = []
        self.stages: set[str] = set()
        self._at = (stage, step)
        self._crash = crash

    def say(self, sentence: str) -> None:
        """Remember a sentence."""
        self.sentences.append(sentence)

    def progress(self, activity: str, done: int, total: int, note: str = "") -> None:
        """Remember the activity; disturb it when its time has come."""
        self.stages.add(activity)
        if (activity, done) == self._at:
            if self._crash:
                raise RuntimeError("power cut")
            signal.raise_signal(signal.SIGTERM)
