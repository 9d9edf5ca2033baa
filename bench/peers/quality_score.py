"""Our kNN and linear probe of any contender's network, on images that are read once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.data.dataset import Dataset, Split
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.evaluate.protocols import PROTOCOLS, Evaluation, LabelledOutputs
from edgessl.metrics.features import extract_features
from edgessl.metrics.interval import paired_difference

Scores = dict[str, Evaluation]
"""What a network reached, by the keys ``knn`` and ``linear``."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The labelled images of a set, under one evaluation transform.

    Attributes:
        dataset: The set.
        preprocess: The transform.
        pixels: ``(N, 3, H, W)`` uint8 of each split.
        device: Where networks run.
    """

    dataset: Dataset
    preprocess: Preprocess
    pixels: dict[str, NDArray[np.uint8]]
    device: str

    @classmethod
    def of(cls, dataset: Dataset, preprocess: Preprocess, device: str) -> Judge:
        """Read the images of a set."""
        splits = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
        pixels = {
            name: decode_eval(split.paths, preprocess) for name, split in splits.items() if split
        }
        return cls(dataset, preprocess, pixels, device)

    def score(self, network: nn.Module) -> Scores:
        """Score the features of a network by both protocols."""
        module = network.eval().to(self.device)
        splits: dict[Any, Split] = {
            "train": self.dataset.train, "val": self.dataset.val, "test": self.dataset.test,
        }  # fmt: skip
        outputs = {
            name: LabelledOutputs(self._features(module, name), torch.tensor(split.labels or ()))
            for name, split in splits.items()
        }
        classes = len(self.dataset.classes)
        return {name: PROTOCOLS[name].score(outputs, classes) for name in ("knn", "linear")}

    def difference(self, ours: Evaluation, theirs: Evaluation) -> dict[str, float]:
        """Compare two answers on the same test images: ours less theirs, in points."""
        labels = torch.tensor(self.dataset.test.labels or ())
        one, other = ours.predictions == labels, theirs.predictions == labels
        gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
        low, high = paired_difference(gained, lost, len(labels))
        return {"points": 100 * (gained - lost) / len(labels), "low": low, "high": high}

    def _features(self, module: nn.Module, split: str) -> Tensor:
        if split not in self.pixels:
            return torch.empty(0, 0)
        return extract_features(
            module, self.pixels[split], self.preprocess.mean, self.preprocess.std,
            device=self.device,
        )  # fmt: skip


def network_of(backbone: str, last_stage: Any, image_px: int, weights: Path | None) -> Backbone:
    """Build a backbone, with random weights or with those that a contender wrote.

    Args:
        backbone: Its name in edgessl.
        last_stage: ``keep`` or ``remove``.
        image_px: Side of the images.
        weights: A state in timm's keys; None for random weights of a fixed seed.
    """
    torch.manual_seed(0)
    network = Backbone(backbone, last_stage, image_px)
    if weights is not None:
        network.net.load_state_dict(torch.load(weights, weights_only=True), strict=True)
    return network
