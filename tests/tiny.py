"""A recipe, a network and a folder of images so small that a whole run takes a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

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
