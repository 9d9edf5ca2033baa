"""Supervised stages: fine-tuning, and the starts that it is compared with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from edgessl.backbones import Backbone, Classifier
from edgessl.methods.classification import Supervised
from edgessl.pipeline.finetune.between import weights_of
from edgessl.pipeline.finetune.classifier import load_classifier, new_classifier
from edgessl.pipeline.finetune.kept_start import load_start
from edgessl.pipeline.finetune.objective import frozen_modules, objective_of
from edgessl.pipeline.finetune.probe_start import start_from_probe
from edgessl.pipeline.finetune.regrow import load_pretrained_net, warm_up, whole_epochs
from edgessl.pipeline.finetune.semi import semi_supervised
from edgessl.pipeline.finetune.semi_trial import Trial
from edgessl.pipeline.finetune.train_classifier import train_classifier
from edgessl.pipeline.pretrain import load_pretrained_head, recalibrate
from edgessl.recipe.semi_table import SemiTable
from edgessl.runs.stages import FINETUNE, INIT, INIT_LONGER, LABELS_ALONE, SEMI, StageId
from edgessl.start.kept_head import load_head
from edgessl.train.health.pseudo_labels import PseudoLabelDoctor
from edgessl.train.place.context import Context
from edgessl.train.stage.stage import Stage


def finetune_backbone(
    context: Context, pretrained: Backbone, *, extendable: bool = False
) -> dict[str, Any]:
    """Fine-tune the pretrained backbone; a removed or dropped last stage grows back first.

    Args:
        context: The run.
        pretrained: The backbone that pretraining kept.
        extendable: Whether fine-tuning may be made longer later.

    Returns:
        As ``train_classifier``.
    """
    classifier = new_classifier(context, FINETUNE)
    load_pretrained_net(context, classifier, pretrained)
    if classifier.hidden_table.widths:
        load_head(classifier, load_pretrained_head(context), f"{context.run.path}/pretrained.pt")
    warm_up(context, classifier)
    epochs = context.recipe.finetune.epochs
    return _train(context, classifier, FINETUNE, epochs, from_weights=True, keeps_end=extendable)


def baseline_epochs(context: Context) -> int:
    """Epochs of fine-tuning that a baseline gets: the warm-up's too, all layers trained."""
    return whole_epochs(context.recipe)


def train_baseline(context: Context, stage: StageId, epochs: int) -> dict[str, Any]:
    """Fine-tune a start without self-supervision in the same way, its last stage included.

    A random backbone that stays frozen gets BN statistics first: with untouched ones the features
    of some random networks vanish or explode, and would make no rival.

    Args:
        context: The run.
        stage: Which baseline.
        epochs: Passes over the labelled images.

    Returns:
        As ``train_classifier``.
    """
    classifier, from_weights = new_classifier(context, stage), stage in (INIT, INIT_LONGER)
    if from_weights:
        sentence = load_start(context, classifier.backbone.net)
        context.reporter.say(f"{stage.name}: {sentence}")
    elif context.recipe.finetune.trains == "classifier":
        context.engine.place(classifier)
        recalibrate(context, classifier.backbone)
    return _train(context, classifier, stage, epochs, from_weights=from_weights, keeps_end=False)


def _train(
    context: Context, classifier: Classifier, stage: StageId, epochs: int,
    *, from_weights: bool, keeps_end: bool,
) -> dict[str, Any]:  # fmt: skip
    """Train one arm as the recipe says: on labels alone, or beside images without label."""
    start = _first_weights(context, classifier) if from_weights else {}
    semi = context.recipe.finetune.semi
    if semi is None:
        plan, method = whole_network(context, classifier, stage, epochs)
        return train_classifier(context, replace(plan, keeps_end=keeps_end), method, start)
    return _train_beside(context, classifier, semi, stage, epochs, start, keeps_end=keeps_end)


def train_trial(context: Context, trial: Trial) -> dict[str, Any]:
    """Go on from what labels alone have taught, with images without label beside them.

    Args:
        context: The run, which has kept that in ``LABELS_ALONE``.
        trial: What is tried.

    Returns:
        As ``train_classifier``.
    """
    classifier = load_classifier(context, LABELS_ALONE.file)
    start = weights_of(classifier) if trial.start_share else {}
    return _train_beside(
        context, classifier, trial.table, SEMI, trial.epochs, start, keeps_end=False,
        shares=(trial.start_share,),
    )  # fmt: skip


def _train_beside(
    context: Context, classifier: Classifier, table: SemiTable, stage: StageId, epochs: int,
    start: dict[str, Tensor], *, keeps_end: bool, shares: tuple[float, ...] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train a classifier on labels, and on images without label beside them."""
    frozen = frozen_modules(context, classifier, stage)
    plan, averaged = semi_supervised(context, classifier, table, stage, epochs, frozen)
    return train_classifier(
        context, replace(plan, keeps_end=keeps_end), averaged, start,
        network=averaged.average, data=context.images.mixed(table.ratio),
        doctor=PseudoLabelDoctor(len(context.dataset.classes), table), shares=shares,
    )  # fmt: skip


def _first_weights(context: Context, classifier: Classifier) -> dict[str, Tensor]:
    """Start the classifier from the linear probe, if the recipe says so.

    Returns:
        The weights of which the network that is kept may have a share; none for no share.
    """
    table = context.recipe.finetune
    if table.classifier_start == "probe":
        context.engine.place(classifier)
        start_from_probe(context, classifier)
    return weights_of(classifier) if any(table.start_shares) else {}


def whole_network(
    context: Context, classifier: Classifier, stage: StageId, epochs: int
) -> tuple[Stage, Supervised]:
    """Say how all layers are trained, or, in linear evaluation, the classifier alone.

    Args:
        context: The run.
        classifier: What is trained; a backbone that is not is frozen in place.
        stage: Which stage.
        epochs: Passes over the labelled images.
    """
    table = context.recipe.finetune
    frozen = frozen_modules(context, classifier, stage)
    method = Supervised(
        classifier, mixup_alpha=table.mixup_alpha,
        frozen=frozen, head_warmup=table.head_warmup, objective=objective_of(context),
    )  # fmt: skip
    plan = Stage(
        stage, epochs, table.batch_size, (table.view,), table.optim, table.accumulate,
        table.batchnorm_groups, layer_decay=table.layer_decay,
    )  # fmt: skip
    return plan, method
