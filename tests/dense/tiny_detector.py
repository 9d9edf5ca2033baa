"""A detector so small that a whole run takes seconds."""

from __future__ import annotations

RECIPE = "ssdlite-mobilenetv3l"
SMALL = (
    "backbone.name=mobilenetv3s", "image.input_px=64", "train.batch_size=4", "train.epochs=3",
    "detector.width=16", "detector.strides=[8,16]", "train.optim.lr=0.01",
    "train.val_every_percent=34", "detector.min_score=0.001",
)  # fmt: skip
