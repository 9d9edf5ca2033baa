"""Features looked at now and then while a stage pretrains, with labels and without."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.data.dataset import Split
from edgessl.evaluate import evaluate_knn
from edgessl.evaluate.protocols import LabelledOutputs
from edgessl.metrics.batchnorm import recalibrate_batchnorm
from edgessl.metrics.features import extract_features
from edgessl.metrics.knn import knn_leave_one_out
from edgessl.metrics.quality import pair_figures
from edgessl.metrics.topk import top1
from edgessl.recipe.stages import PretrainStage, pretrain_stages
from edgessl.rng import DrawKey
from edgessl.runs.stages import MONITOR_NUMBER
from edgessl.schedules import Clock
from edgessl.train.place.context import Context
from edgessl.train.place.images import PackedSplit, labels_of
from edgessl.views import ViewSampler

CALIBRATION_IMAGES = 1024  # that BN statistics are recomputed on, at most
KNN_IMAGES = 1000  # train images that vote, and val images that are asked, at most
PAIR_IMAGES = 384  # whose views are compared, at most: three times 128, for the uniformity
FEWEST_IMAGES = 128  # of each, however short the run
SHARE = 0.05  # of the time, at most
_STEP_COST = 3.0  # a training step of a pixel over its forward pass: one forward, two backward
_BATCH = 64


class Monitor:
    """Judges features of a copy of the backbone, to see whether pretraining learns.

    All its images come from the pack: no original is decoded for it. kNN accuracy on ``val``, by
    train and by the other images of ``val``, needs labels; alignment, uniformity,
    effective rank and the retrieval of positive pairs need two views of the same images, which are
    the same ones every time.

    Args:
        context: The run.
        backbone: What is trained.
        stage: The stage of pretraining; pairs of views are as large as its own.
    """

    def __init__(self, context: Context, backbone: Backbone, stage: PretrainStage) -> None:
        self._context = context
        self._backbone = backbone
        self._stage = stage
        self._points = round(100.0 / context.recipe.pretrain.monitor_every_percent)
        self._size = affordable(context, self._points)

    def __call__(self, clock: Clock) -> dict[str, float] | None:
        """Return figures after the epochs that are due, otherwise None.

        Args:
            clock: At the end of an epoch.
        """
        epochs = self._context.recipe.pretrain.epochs
        done = self._stage.epochs_before + clock.epoch
        if int(done * self._points / epochs) == int((done - 1) * self._points / epochs):
            return None
        context = self._context
        backbone = copy.deepcopy(self._backbone)
        if context.recipe.pretrain.recalibrate_batchnorm:
            self._recalibrate(backbone)
        one_label = len(context.dataset.val) and not context.dataset.tags
        knn = self._knn(backbone) if one_label else {}
        return {**knn, **self._quality(backbone)}

    def _knn(self, backbone: Backbone) -> dict[str, float]:
        context, image = self._context, self._context.recipe.image
        rng = torch.Generator().manual_seed(0)
        outputs: list[LabelledOutputs] = []
        splits: tuple[tuple[PackedSplit, Split], ...] = (
            ("train", context.dataset.train), ("val", context.dataset.val),
        )
        for name, split in splits:
            order = torch.randperm(len(split), generator=rng)
            chosen = order[: self._count(KNN_IMAGES)].tolist()
            pixels = context.images.packed_pixels(name, chosen)
            features = extract_features(
                backbone, pixels, image.mean, image.std, device=context.device
            )
            outputs.append(LabelledOutputs(features, labels_of(split)[chosen]))
        train, val = outputs
        classes = len(context.dataset.classes)
        found = {"knn_top1": evaluate_knn(train, val, classes).score.value}
        if len(val) > 1:  # SSLight's: images held out, by the others of them
            alone = knn_leave_one_out(val.outputs, val.labels, classes)
            found["knn_leave_one_out"] = top1(alone, val.labels).value
        return {name: round(value, 2) for name, value in found.items()}

    def _quality(self, backbone: Backbone) -> dict[str, float]:
        figures = pair_figures(*self._pairs(backbone))
        return {name: round(value, 4) for name, value in figures.items()}

    @torch.inference_mode()
    def _pairs(self, backbone: Backbone) -> tuple[Tensor, Tensor]:
        """Return features of two global views of some images, ``(N, D)`` each, on the CPU."""
        context, image = self._context, self._context.recipe.image
        store = context.images.pretraining().images
        ids = np.array(_some(len(store), self._count(PAIR_IMAGES)), dtype=np.int64)
        group = self._stage.views[0]
        pair = group.model_copy(update={
            "count": 2, "blur_p": (group.blur_p * 2)[:2], "solarize_p": (group.solarize_p * 2)[:2],
        })  # fmt: skip
        sampler = ViewSampler((pair,), image.mean, image.std, context.engine.memory_format)
        key = DrawKey(context.seed, MONITOR_NUMBER, 0)
        parts = np.split(ids, range(_BATCH, len(ids), _BATCH))
        features: list[Tensor] = []
        backbone.eval()
        for part, packed in zip(parts, store.batches(parts, context.device), strict=True):
            (views,) = sampler(packed, store.sizes[part], part, key)
            found = backbone(views.flatten(0, 1)).float()
            features.append(found.view(2, len(part), -1))
        one, other = torch.cat(features, dim=1).cpu()
        return one, other

    def _recalibrate(self, backbone: Backbone) -> None:
        """Recompute BN statistics on packed images."""
        context, image = self._context, self._context.recipe.image
        wanted = self._count(CALIBRATION_IMAGES)
        chosen = calibration_images(len(context.dataset.pretraining), wanted)
        pixels = context.images.packed_pixels("pretraining", chosen)
        recalibrate_batchnorm(backbone, pixels, image.mean, image.std, device=context.device)

    def _count(self, most: int) -> int:
        return max(FEWEST_IMAGES, round(self._size * most))


def affordable(context: Context, points: int) -> float:
    """Say how much of the monitor a run can afford, so that it stays under 5 % of the time.

    It counts pixels, not seconds, so that the answer is the same everywhere. That is cautious: the
    teacher's passes and the views themselves make a training step dearer than counted.

    Args:
        context: The run.
        points: How often the monitor looks.

    Returns:
        A share of the monitor's images, at most 1.
    """
    recipe, dataset = context.recipe, context.dataset
    images = len(dataset.pretraining)
    stages = pretrain_stages(recipe)
    trained = _STEP_COST * images * sum(stage.epochs * stage.pixels for stage in stages)
    evaluated = min(images, CALIBRATION_IMAGES)
    if len(dataset.val):
        evaluated += min(len(dataset.train), KNN_IMAGES) + min(len(dataset.val), KNN_IMAGES)
    looked_at = evaluated * recipe.image.crop_px**2
    largest_px = max(stage.views[0].size_px for stage in stages)
    looked_at += 2 * min(images, PAIR_IMAGES) * largest_px**2
    return min(1.0, SHARE * trained / (min(points, recipe.pretrain.epochs) * looked_at))


def calibration_images(count: int, most: int = CALIBRATION_IMAGES) -> list[int]:
    """Choose images that BN statistics are recomputed on, always the same.

    Args:
        count: Images there are.
        most: Images wanted, at most.

    Returns:
        Their positions, ascending.
    """
    return _some(count, most)


def _some(count: int, most: int) -> list[int]:
    order = np.random.default_rng(0).permutation(count)[:most]
    return sorted(order.tolist())
