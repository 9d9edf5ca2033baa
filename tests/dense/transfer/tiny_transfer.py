"""Detectors of the papers, so small that a whole run takes seconds."""

from __future__ import annotations

from pathlib import Path

import timm
import torch

TINY = (
    "image.train_px=[64,96]", "image.test_px=64", "image.max_px=160", "train.batch_size=2",
    "detector.width=16", "detector.anchor_px=[[16],[32],[64],[128],[256]]",
    "detector.precise_batchnorm_steps=1", "detector.max_boxes=5",
    "detector.proposals_before=[100,100]", "detector.proposals_after=[50,20]",
)  # fmt: skip


def write_weights(path: Path, name: str = "resnet18") -> Path:
    """Write random weights of a network in a file as others have them."""
    torch.manual_seed(3)
    torch.save(timm.create_model(name, num_classes=0).state_dict(), path)
    return path
