"""Final scores on ``test``, read once, from the original files."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.data.dataset import Split
from edgessl.data.divide import draw_images
from edgessl.evaluate import evaluate_knn, evaluate_linear, evaluate_top1
from edgessl.evaluate.protocols import LabelledOutputs
from edgessl.metrics.balanced import balanced_accuracy
from edgessl.metrics.class_counts import ClassCounts
from edgessl.metrics.features import extract_features
from edgessl.metrics.interval import Score
from edgessl.metrics.knn import thumbnails, votes_of_5
from edgessl.metrics.right_answers import pack_right
from edgessl.metrics.topk import confusion_matrix, top1
from edgessl.pipeline.finetune.classifier import load_classifier
from edgessl.pipeline.finetune.kept_start import load_start
from edgessl.pipeline.pretrain import new_backbone, recalibrate
from edgessl.runs.stages import PRETRAIN
from edgessl.train.place.context import Context
from edgessl.train.place.images import labels_of

MOST = 20_000
"""Training images that features and raw pixels are scored against; more of them are sampled."""


def bank_of(context: Context) -> Split:
    """Return the training images that scores of features learn from: all, or a sample of many.

    Args:
        context: The run.
    """
    train = context.dataset.train
    if len(train) <= MOST or train.labels is None:
        return train
    drawn = draw_images(train.digests, MOST, context.seed)
    return Split(
        paths=tuple(train.paths[i] for i in drawn),
        labels=tuple(train.labels[i] for i in drawn),
        digests=tuple(train.digests[i] for i in drawn),
    )


def thumbnails_of(context: Context, split: Split) -> Tensor:
    """Return the 16 x 16 thumbnails of a split, ``(N, 768)``.

    Args:
        context: The run.
        split: Its images.
    """
    parts = [thumbnails(part) for part in context.images.pixel_parts(split)]
    return torch.cat(parts) if parts else torch.empty(0, 768)


def score_features(context: Context, backbone: Backbone) -> dict[str, Score]:
    """Score frozen features by kNN and by a linear probe, as far as the recipe asks for them.

    Top-5 too with over ten classes.
    """
    dataset, protocols = context.dataset, context.recipe.evaluate.protocols
    if "knn" not in protocols and "linear" not in protocols:
        return {}
    train, val, test = (
        _outputs(context, backbone, split)
        for split in (bank_of(context), dataset.val, dataset.test)
    )
    classes = len(dataset.classes)
    found = {}
    if "knn" in protocols:
        found["knn"] = evaluate_knn(train, test, classes)
    if "linear" in protocols:
        found["linear"] = evaluate_linear(train, val, test, classes)
    top1 = {f"{name}_top1": one.score for name, one in found.items()}
    top5 = {f"{name}_top5": one.top5 for name, one in found.items() if one.top5 is not None}
    return {**top1, **top5}


def score_random_features(context: Context) -> dict[str, Score]:
    """Score the backbone that pretraining started from.

    Its BN statistics decide a lot (untouched ones keep brightness and colour), so each protocol
    reads the better of untouched and recalibrated statistics.
    """
    untouched = new_backbone(context, stage=PRETRAIN, whole=False)
    context.engine.place(untouched)
    recalibrated = copy.deepcopy(untouched)
    recalibrate(context, recalibrated)
    candidates = [score_features(context, backbone) for backbone in (untouched, recalibrated)]
    return {
        name: max((scores[name] for scores in candidates), key=lambda score: score.value)
        for name in candidates[0]
    }


def score_start_features(context: Context) -> dict[str, Score]:
    """Score the whole network with the weights that pretraining started from, as they are."""
    backbone = new_backbone(context, stage=PRETRAIN, whole=True)
    load_start(context, backbone.net)
    context.engine.place(backbone)
    return score_features(context, backbone)


@dataclass(frozen=True, slots=True)
class ClassifierScore:
    """How a classifier answers on ``test`` or ``val``.

    Attributes:
        score: Top-1.
        confusion: Rows true, columns predicted.
        right: Which images it gets right, as ``pack_right`` writes it.
        outputs: Logits and labels.
        top5: None with up to ten classes.
        balanced: Mean recall of the classes; None where classes are of like size.
    """

    score: Score
    confusion: list[list[int]]
    right: str
    outputs: LabelledOutputs
    top5: Score | None = None
    balanced: Score | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return its scores as ``report.json`` has them."""
        found = {"top1": self.score, "top5": self.top5, "balanced": self.balanced}
        return {
            f"finetune_{name}": score.to_dict()
            for name, score in found.items() if score is not None
        }


def score_classifier(context: Context, name: str, split: Split | None = None) -> ClassifierScore:
    """Score a classifier of the run by its own answers.

    Args:
        context: The run.
        name: Its file in the run folder.
        split: The images; None for ``test``.
    """
    classifier = load_classifier(context, name)
    test = _outputs(context, classifier, split or context.dataset.test)
    result = evaluate_top1(test)
    matrix = confusion_matrix(result.predictions, test.labels, len(context.dataset.classes))
    unequal = ClassCounts.of(test.labels.tolist(), context.dataset.classes).unequal
    return ClassifierScore(
        result.score, matrix.tolist(), pack_right(result.predictions, test.labels), test,
        result.top5, balanced_accuracy(matrix) if unequal else None,
    )


def score_thumbnails(context: Context) -> Score:
    """Score raw pixels: 16 x 16 thumbnails, mean-free, cosine, 5 nearest neighbours."""
    dataset = context.dataset
    labels = labels_of(dataset.test)
    bank = bank_of(context)
    predictions = votes_of_5(
        thumbnails_of(context, bank), labels_of(bank), thumbnails_of(context, dataset.test),
        len(dataset.classes),
    )
    return top1(predictions, labels)


def as_values(scores: dict[str, Score]) -> dict[str, Any]:
    """Return scores as plain values."""
    return {name: score.to_dict() for name, score in scores.items()}


def _outputs(context: Context, network: nn.Module, split: Split) -> LabelledOutputs:
    if not len(split):
        width = network.feature_dim if isinstance(network, Backbone) else 0
        return LabelledOutputs(torch.empty(0, int(width)), torch.empty(0, dtype=torch.int64))
    image = context.recipe.image
    outputs = torch.cat([
        extract_features(network, part, image.mean, image.std, device=context.device)
        for part in context.images.pixel_parts(split)
    ])  # fmt: skip
    return LabelledOutputs(outputs, labels_of(split))
