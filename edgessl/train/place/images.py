"""The images of a run, each read once: packed for views, cropped for evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgessl.data.dataset import Dataset, Split
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.data.squash import unsquash
from edgessl.data.store import ChosenImages, FirstImages, ImageStore
from edgessl.data.tagged import tag_table
from edgessl.data.verify import verify
from edgessl.recipe import Recipe
from edgessl.recipe.stages import pretrain_stages
from edgessl.recipe.view_tables import ViewGroup
from edgessl.reporter import Reporter
from edgessl.train import TrainingData
from edgessl.train.place.packed import Packed

PackedSplit = Literal["pretraining", "train", "val"]
_READ_AT_ONCE = 128  # packed images
_KEPT_BYTES = 2_000_000_000  # of a split that is decoded once and kept
_PART_BYTES = 250_000_000


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
        group.size_px / math.sqrt(group.area[0] + 0.25 * (group.area[1] - group.area[0]))
        for group in groups
    )
    return int(min(32 * math.ceil(wanted / 32), max(32 * math.ceil(median_short_px / 32), 32)))


def median_short_px(dataset: Dataset) -> int:
    """Return the median short side of the originals, from up to 200 of them, in pixels."""
    paths = dataset.pretraining.paths
    found = verify(paths[:: max(1, len(paths) // 200)])
    return int(np.median([min(one.height, one.width) for one in found]))


class Images:
    """Reads what the stages ask for, and keeps it.

    Args:
        dataset: What the user has.
        recipe: Decides sizes.
        size_px: Side of packed images.
        reporter: Shows progress of decoding.
        device: Where the run trains; its memory may hold the pack.
    """

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        size_px: int,
        reporter: Reporter,
        device: torch.device | None = None,
    ) -> None:
        self.dataset = dataset
        self.size_px = size_px
        self.preprocess = Preprocess(
            **recipe.image.model_dump(exclude={"scaled_px"}), value_range=dataset.value_range
        )
        self.packed = Packed(dataset, size_px, reporter, device or torch.device("cpu"))
        self._balanced = recipe.finetune.balance == "sampling"
        self._reporter = reporter
        self._evaluation: dict[tuple[Path, ...], NDArray[np.uint8]] = {}
        self._unsquashed: dict[tuple[PackedSplit, bytes], NDArray[np.uint8]] = {}

    def pretraining(self) -> TrainingData:
        """Return every image that pretraining sees, with the labels that it learns, if any."""
        store, drawn = self.packed.everything(), self.dataset.drawn
        lesson = self.dataset.lesson
        return TrainingData(
            store if drawn is None else ChosenImages(store, drawn),
            None if lesson is None else torch.tensor(lesson.labels, dtype=torch.int64),
        )

    def labelled(self) -> TrainingData:
        """Return the labelled training images: the first ones of the same store."""
        images = FirstImages(self.packed.everything(), len(self.dataset.train))
        dataset = self.dataset
        if dataset.tags:  # (N, K): whether an image shows each class
            shown = torch.from_numpy(tag_table(dataset, dataset.train).targets).float()
            return TrainingData(images, shown)
        return TrainingData(
            images, labels_of(dataset.train), balanced=self._balanced
        )

    def mixed(self, ratio: int) -> TrainingData:
        """Return the labelled training images, and those without label beside them.

        Args:
            ratio: Images without label for each labelled one in a step.
        """
        labelled, others = len(self.dataset.train), len(self.dataset.unlabeled)
        labels = torch.cat([labels_of(self.dataset.train), -1 - torch.arange(others)])
        return TrainingData(self.packed.everything(), labels, labelled, ratio)

    def pixels(self, split: Split) -> NDArray[np.uint8]:
        """Return a split under the evaluation transform, ``(N, 3, crop_px, crop_px)``."""
        if split.paths not in self._evaluation:
            self._evaluation[split.paths] = decode_eval(
                split.paths,
                self.preprocess,
                lambda done, total: self._reporter.progress("reading originals", done, total),
                digests=split.digests or None,
            )
        return self._evaluation[split.paths]

    def pixel_parts(self, split: Split) -> Iterator[NDArray[np.uint8]]:
        """Give a split under the evaluation transform in parts, none of them too large for memory.

        Args:
            split: Its images; a small split is kept and comes as one part.
        """
        each = 3 * self.preprocess.crop_px**2
        if len(split) * each <= _KEPT_BYTES:
            yield self.pixels(split)
            return
        count = max(1, _PART_BYTES // each)
        for start in range(0, len(split), count):
            part = slice(start, start + count)
            self._reporter.progress("reading originals", start, len(split))
            yield decode_eval(
                split.paths[part], self.preprocess, digests=split.digests[part] or None
            )
        self._reporter.progress("reading originals", len(split), len(split))

    def packed_pixels(self, split: PackedSplit, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Return images under nearly the evaluation transform, from packed pixels, for the monitor.

        Args:
            split: Where they are.
            indices: Positions in the split.

        Returns:
            ``(n, 3, crop_px, crop_px)`` uint8.
        """
        ids = np.asarray(indices, np.int64)
        key = (split, ids.tobytes())
        if key not in self._unsquashed:
            store: ImageStore = self.packed.everything()
            if split == "pretraining":
                store = self.pretraining().images
            if split == "val":
                store = self.packed.some(self.dataset.val, indices)
                ids = np.arange(len(ids))
            self._unsquashed[key] = self._unsquash(store, ids)
        return self._unsquashed[key]

    def _unsquash(self, store: ImageStore, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        crop_px = self.preprocess.crop_px
        out = np.empty((len(ids), 3, crop_px, crop_px), np.uint8)
        parts = np.split(ids, range(_READ_AT_ONCE, len(ids), _READ_AT_ONCE))
        packed = chain.from_iterable(store.batches(parts, torch.device("cpu")))
        for i, (image, size) in enumerate(zip(packed, store.sizes[ids].tolist(), strict=True)):
            out[i] = unsquash(image.numpy(), size, self.preprocess)
        return out

    def release(self) -> None:
        """Free the packed pixels: training is over."""
        self.packed.release()
        self._unsquashed.clear()

    def ram_bytes(self) -> int:
        """Return the most that the images of a run take in RAM at a time, in bytes.

        That is the store of packed images where it lives while training, and every split under the
        evaluation transform afterwards. Nothing is read for this.
        """
        dataset, crop_px = self.dataset, self.preprocess.crop_px
        evaluated = 0
        if dataset.classes and len(dataset.test):
            evaluated = len(dataset.train) + len(dataset.val) + len(dataset.test)
        return max(self.packed.ram_bytes(), evaluated * 3 * crop_px**2)


def labels_of(split: Split) -> Tensor:
    """Return the labels of a split, ``(N,)`` int64; empty if it has none."""
    return torch.tensor(split.labels or (), dtype=torch.int64)


def images_of(
    dataset: Dataset, recipe: Recipe, reporter: Reporter, device: torch.device | None = None
) -> Images:
    """Return the images of a run, packed at the side its views need.

    Args:
        dataset: What the user has.
        recipe: Decides sizes and views.
        reporter: Shows progress of decoding.
        device: Where the run trains; None for the CPU.
    """
    pretraining = [group for stage in pretrain_stages(recipe) for group in stage.views]
    groups = (*pretraining, recipe.finetune.view)
    size_px = pack_size_px(groups, median_short_px(dataset))
    return Images(dataset, recipe, size_px, reporter, device)
