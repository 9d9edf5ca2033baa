"""The images of a run, each read once: packed for views, cropped for evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from edgessl.data.dataset import Dataset, Split
from edgessl.data.evalset import decode_eval
from edgessl.data.pack import Pack, build_pack
from edgessl.data.preprocess import Preprocess
from edgessl.data.store import MemoryStore
from edgessl.pipeline.reporter import Reporter
from edgessl.recipe import Recipe
from edgessl.recipe.view_tables import ViewGroup
from edgessl.train import TrainingData


def pack_size_px(groups: Sequence[ViewGroup], median_short_px: int) -> int:
    """Choose the side of packed images, so that packing does not blur what the views should see.

    Args:
        groups: All views that will be cut out of the pack.
        median_short_px: Median short side of the originals.

    Returns:
        The largest ``size_px / sqrt(lower-quartile crop area)``, rounded up to 32, but no more
        than the originals have.
    """
    wanted = max(
        group.size_px / math.sqrt(group.scale[0] + 0.25 * (group.scale[1] - group.scale[0]))
        for group in groups
    )
    return int(min(32 * math.ceil(wanted / 32), max(32 * math.ceil(median_short_px / 32), 32)))


def median_short_px(dataset: Dataset) -> int:
    """Return the median short side of the originals, from up to 200 of them, in pixels."""
    paths = dataset.pretraining.paths
    shorts = []
    for path in paths[:: max(1, len(paths) // 200)]:
        with Image.open(path) as image:
            shorts.append(min(image.size))
    return int(np.median(shorts))


class Images:
    """Reads what the stages ask for, and keeps it.

    Args:
        dataset: What the user has.
        recipe: Decides sizes.
        size_px: Side of packed images.
        reporter: Shows progress of decoding.
    """

    def __init__(
        self, dataset: Dataset, recipe: Recipe, size_px: int, reporter: Reporter
    ) -> None:
        self.dataset = dataset
        self.size_px = size_px
        self.preprocess = Preprocess(**recipe.image.model_dump())
        self._reporter = reporter
        self._pack: Pack | None = None
        self._evaluation: dict[tuple[Path, ...], NDArray[np.uint8]] = {}

    def pack(self) -> Pack:
        """Return the pack of train and unlabelled images, in that order."""
        if self._pack is None:
            split = self.dataset.pretraining
            self._pack = build_pack(
                split.paths,
                split.digests,
                self.size_px,
                progress=lambda done, total: self._reporter.progress("packing", done, total),
                say=self._reporter.say,
            )
        return self._pack

    def pretraining(self) -> TrainingData:
        """Return every image that pretraining sees, without labels."""
        pack = self.pack()
        return TrainingData(MemoryStore(torch.from_numpy(np.array(pack.images)), pack.sizes))

    def labelled(self) -> TrainingData:
        """Return the labelled training images."""
        pack, count = self.pack(), len(self.dataset.train)
        images = torch.from_numpy(np.array(pack.images[:count]))
        return TrainingData(MemoryStore(images, pack.sizes[:count]), labels_of(self.dataset.train))

    def pixels(self, split: Split) -> NDArray[np.uint8]:
        """Return a split under the evaluation transform, ``(N, 3, crop_px, crop_px)``."""
        if split.paths not in self._evaluation:
            self._evaluation[split.paths] = decode_eval(
                split.paths,
                self.preprocess,
                lambda done, total: self._reporter.progress("reading originals", done, total),
            )
        return self._evaluation[split.paths]


def labels_of(split: Split) -> Tensor:
    """Return the labels of a split, ``(N,)`` int64; empty if it has none."""
    return torch.tensor(split.labels or (), dtype=torch.int64)


def images_of(dataset: Dataset, recipe: Recipe, reporter: Reporter) -> Images:
    """Return the images of a run, packed at the side its views need.

    Args:
        dataset: What the user has.
        recipe: Decides sizes and views.
        reporter: Shows progress of decoding.
    """
    groups = (*recipe.views, recipe.finetune.view)
    return Images(dataset, recipe, pack_size_px(groups, median_short_px(dataset)), reporter)
