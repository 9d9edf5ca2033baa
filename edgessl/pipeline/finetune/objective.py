"""What fine-tuning learns of the labels, and which layers stay as they are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgessl.backbones import Classifier
from edgessl.losses.class_balance import effective_number, inverse_frequency, log_prior
from edgessl.methods.classification import Objective, one_label, several_labels
from edgessl.runs.stages import FINETUNE, INIT, INIT_LONGER, SEMI, StageId
from edgessl.train.place.context import Context
from edgessl.train.place.images import labels_of


def objective_of(context: Context) -> Objective:
    """Return what is learned: one label an image or several, and how classes count.

    Args:
        context: The run.
    """
    table = context.recipe.finetune
    if context.dataset.tags:
        return several_labels(table.several_loss, table.label_smoothing)
    return one_label(table.label_smoothing, _class_weights(context), _logit_offsets(context))


def _class_weights(context: Context) -> Tensor | None:
    """Return what an image of each class counts in the loss; None for 1."""
    table = context.recipe.finetune
    if table.balance != "weights":
        return None
    weigh = effective_number if table.class_weights == "effective" else inverse_frequency
    return weigh(_counts(context))


def _logit_offsets(context: Context) -> Tensor | None:
    """Return what the loss adds to the logits; None for nothing."""
    return log_prior(_counts(context)) if context.recipe.finetune.balance == "logits" else None


def _counts(context: Context) -> Tensor:
    """Count the labelled training images of each class, ``(K,)``."""
    labels = labels_of(context.dataset.train)
    return torch.bincount(labels, minlength=len(context.dataset.classes))


def frozen_modules(
    context: Context, classifier: Classifier, stage: StageId
) -> tuple[nn.Module, ...]:
    """Return what stays in evaluation mode; a backbone that is not trained is frozen in place.

    Args:
        context: The run.
        classifier: What is trained.
        stage: Which stage: a random start has no BN statistics worth keeping.
    """
    table = context.recipe.finetune
    if table.trains == "classifier":
        classifier.backbone.requires_grad_(False)
        return (classifier.backbone,)
    if table.freeze_batchnorm and stage in (FINETUNE, SEMI, INIT, INIT_LONGER):
        norms = (nn.BatchNorm1d, nn.BatchNorm2d)
        return tuple(module for module in classifier.modules() if isinstance(module, norms))
    return ()
