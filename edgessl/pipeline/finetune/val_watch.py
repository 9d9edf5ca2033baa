"""A classifier scored on ``val`` while it is trained."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from math import isnan

import torch
from torch import Tensor

from edgessl.backbones import Classifier
from edgessl.data.tagged import tag_table
from edgessl.metrics.features import extract_features
from edgessl.metrics.tags import mean_of_classes
from edgessl.metrics.topk import top1
from edgessl.schedules import Clock
from edgessl.train import steps_per_epoch
from edgessl.train.place.context import Context
from edgessl.train.place.images import labels_of
from edgessl.train.stage.best_epoch import FEWEST_IMAGES, BestEpoch

MOST_IMAGES = 2000  # that are asked, at most
FEWEST_POINTS = 10  # epochs that are looked at, if there are as many
SHARE = 0.05  # of the time, at most, unless the fewest images and points take more
_STEP_COST = {"network": 3.0, "classifier": 1.0}  # over a forward pass of the same pixels


@dataclass(frozen=True, slots=True)
class Looks:
    """How often ``val`` is looked at, and how much of it.

    Attributes:
        points: Epochs after which it is.
        images: Of ``val`` that are asked.
    """

    points: int
    images: int


def affordable_looks(*, val: int, epochs: int, budget: float) -> Looks:
    """Choose how to spend a budget: first on all images, then on every epoch.

    Args:
        val: Images there are, > 0.
        epochs: Of the stage.
        budget: Images that can be asked in all, over all epochs.
    """
    images = min(val, MOST_IMAGES)
    points = min(epochs, max(min(FEWEST_POINTS, epochs), int(budget / images)))
    affordable = max(FEWEST_IMAGES, int(budget / points))
    return Looks(points, min(images, affordable))


class ValWatch:
    """Scores a classifier after some epochs, and shows its answers to who chooses the epoch.

    All images come from the pack: no original is decoded for it. It works on a copy, and draws
    nothing, so that training is what it would be without.

    Args:
        context: The run; its ``val`` is not empty.
        classifier: What is trained, or what follows it.
        epochs: Of the stage.
        choice: Is told which images it gets right, where they have one label each.
    """

    def __init__(
        self, context: Context, classifier: Classifier, epochs: int, choice: BestEpoch
    ) -> None:
        self._context = context
        self._classifier = classifier
        self._epochs = epochs
        self._choice = choice
        val = len(context.dataset.val)
        looks = affordable_looks(val=val, epochs=epochs, budget=_budget(context, epochs))
        self._points, self._images = looks.points, looks.images

    def __call__(self, clock: Clock) -> dict[str, float] | None:
        """Return figures after the epochs that are due, otherwise None.

        Args:
            clock: At the end of an epoch.
        """
        done = clock.epoch
        if int(done * self._points / self._epochs) == int((done - 1) * self._points / self._epochs):
            return None
        if self._context.dataset.tags:
            found = _val_map(self._context, self._classifier, self._images)
            return None if isnan(found) else {"val_map": round(found, 2)}
        images = self._choice.asked or self._images  # the same ones in a stage made longer
        logits, labels = val_logits(self._context, self._classifier, images)
        predictions = logits.argmax(dim=1)
        self._choice.note(done, predictions == labels)
        return {"val_top1": round(top1(predictions, labels).value, 2)}


def val_logits(
    context: Context, classifier: Classifier, images: int = MOST_IMAGES
) -> tuple[Tensor, Tensor]:
    """Ask a copy of a classifier about images of ``val``, always the same ones, from the pack.

    Args:
        context: The run; its ``val`` is not empty.
        classifier: Asked in evaluation mode.
        images: How many, where there are as many.

    Returns:
        Logits ``(N, K)`` and labels ``(N,)``, on the CPU.
    """
    logits, chosen = _val_answers(context, classifier, images)
    return logits, labels_of(context.dataset.val)[chosen]


def _val_map(context: Context, classifier: Classifier, images: int) -> float:
    """Return the mean average precision on images of ``val``, in percent; NaN if none counts."""
    logits, chosen = _val_answers(context, classifier, images)
    table = tag_table(context.dataset, context.dataset.val)
    return mean_of_classes(logits.double().numpy(), table.shown[chosen], table.difficult[chosen])


def _val_answers(
    context: Context, classifier: Classifier, images: int
) -> tuple[Tensor, list[int]]:
    """Return the logits of images of ``val``, and which they are."""
    val, image = context.dataset.val, context.recipe.image
    order = torch.randperm(len(val), generator=torch.Generator().manual_seed(0))
    chosen = sorted(order[:images].tolist())
    pixels = context.images.packed_pixels("val", chosen)
    logits = extract_features(
        copy.deepcopy(classifier), pixels, image.mean, image.std, device=context.device
    )
    return logits, chosen


def _budget(context: Context, epochs: int) -> float:
    """Return how many images can be asked in a share of the time; pixels count, not seconds."""
    table, crop_px = context.recipe.finetune, context.recipe.image.crop_px
    images = len(context.dataset.train)
    batch = min(images, table.batch_size)
    trained = epochs * steps_per_epoch(images, table.batch_size) * batch * table.view.size_px**2
    return SHARE * _STEP_COST[table.trains] * trained / crop_px**2
