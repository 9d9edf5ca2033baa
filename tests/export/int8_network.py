"""A MobileNetV3-small that tells tinted textures apart, without training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgessl.backbones import Backbone, Classifier
from edgessl.data.demo import draw
from edgessl.data.preprocess import Preprocess
from edgessl.export.formats.graph import export_graph
from edgessl.metrics.batchnorm import recalibrate_batchnorm

PREPROCESS = Preprocess(resize_px=64, crop_px=64)
CLASSES = 4
_TINTS = np.array([[1.0, 0.6, 0.6], [0.6, 1.0, 0.6], [0.6, 0.6, 1.0], [1.0, 1.0, 0.5]])


@dataclass(frozen=True)
class Images:
    """Tinted textures and their classes: ``(N, 3, 64, 64)`` uint8 and ``(N,)``."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @property
    def normalised(self) -> NDArray[np.float32]:
        return PREPROCESS.normalise(self.pixels)


def tinted_textures(first: int, count: int) -> Images:
    """Draw textures in the tint of their class; other numbers are other images."""
    labels = np.arange(count) % CLASSES
    pixels = [
        (draw("train", int(label), first + i) * _TINTS[label]).astype(np.uint8).transpose(2, 0, 1)
        for i, label in enumerate(labels)
    ]
    return Images(np.stack(pixels), labels.astype(np.int64))


def classifier(backbone_name: str, images: Images) -> Classifier:
    """Give a random network the images' statistics, and a classifier by ridge regression."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Classifier(Backbone(backbone_name, "keep", 64), CLASSES).eval()
    recalibrate_batchnorm(
        network, images.pixels, PREPROCESS.mean, PREPROCESS.std, device="cpu", batch_size=32
    )
    network.eval()
    with torch.inference_mode():
        features = network.backbone(torch.from_numpy(images.normalised)).double()
    wanted = torch.eye(CLASSES, dtype=torch.float64)[torch.from_numpy(images.labels)]
    ones = torch.cat([features, torch.ones(len(features), 1, dtype=torch.float64)], dim=1)
    gram = ones.T @ ones + 1e-2 * len(features) * torch.eye(ones.shape[1], dtype=torch.float64)
    solution = torch.linalg.solve(gram, ones.T @ wanted)  # (D + 1, K)
    with torch.no_grad():
        network.fc.weight.copy_(solution[:-1].T)
        network.fc.bias.copy_(solution[-1])
    return network


def graph_of(network: nn.Module) -> Any:
    """Export a network of 64 px images as ONNX."""
    return export_graph(network, 64, "logits", 20)
