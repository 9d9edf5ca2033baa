"""Supervised stages: the regrown stage's warm-up, fine-tuning, and the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from edgessl import checkpoint
from edgessl.backbones import Backbone, Classifier, deployable_from
from edgessl.backbones.last_stage import freeze_before_last_stage, last_stage_keys
from edgessl.losses.class_balance import effective_number, inverse_frequency, log_prior
from edgessl.methods.classification import Objective, Supervised, one_label, several_labels
from edgessl.pipeline.finetune.between import weights_of
from edgessl.pipeline.finetune.kept_start import load_start
from edgessl.pipeline.finetune.probe_start import start_from_probe
from edgessl.pipeline.finetune.semi import semi_supervised
from edgessl.pipeline.finetune.train_classifier import save_classifier, train_classifier
from edgessl.pipeline.pretrain import (
    load_kept_stage,
    load_pretrained_head,
    new_backbone,
    recalibrate,
)
from edgessl.recipe.finetune_table import RegrowTable
from edgessl.recipe.semi_table import SemiTable
from edgessl.runs.stages import FINETUNE, INIT, INIT_LONGER, WARMUP, StageId
from edgessl.start.kept_head import load_head, wanted_layers
from edgessl.train.health.pseudo_labels import PseudoLabelDoctor
from edgessl.train.place.context import Context, once
from edgessl.train.place.images import labels_of
from edgessl.train.stage.stage import Stage
from edgessl.train.stage.timing import Meter
from edgessl.train.stage.train_stage import train_stage


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
    regrow = context.recipe.finetune.regrow if _grows_back(context) else None
    kept = load_kept_stage(context) if regrow is not None else {}
    _load_pretrained(classifier.backbone.net, pretrained, kept, grows_back=regrow is not None)
    if kept and WARMUP.name not in context.run.read()["finished"]:
        context.reporter.say(
            f"The last stage grows back with the weights that the start had for it "
            f"({len(kept)} tensors)."
        )
    if classifier.hidden_table.widths:
        load_head(classifier, load_pretrained_head(context), f"{context.run.path}/pretrained.pt")
    if regrow is not None:
        once(context, WARMUP.name, lambda: dict(_warm_up(context, classifier, regrow).facts()))
        classifier.load_state_dict(load_classifier(context, WARMUP.file).state_dict())
    epochs = context.recipe.finetune.epochs
    if (table := context.recipe.finetune.semi) is not None:
        return _finish(context, classifier, table, extendable=extendable)
    stage, method = whole_network(context, classifier, FINETUNE, epochs)
    stage = replace(stage, keeps_end=extendable)
    return train_classifier(context, stage, method, _start(context, classifier))


def _finish(
    context: Context, classifier: Classifier, table: SemiTable, *, extendable: bool
) -> dict[str, Any]:
    """Fine-tune with images without label beside the labelled ones, and keep the average."""
    start = _start(context, classifier)
    stage, method = semi_supervised(
        context, classifier, table, context.recipe.finetune.epochs,
        _frozen(context, classifier, FINETUNE),
    )  # fmt: skip
    return train_classifier(
        context, replace(stage, keeps_end=extendable), method, start,
        network=method.average, data=context.images.mixed(table.ratio),
        doctor=PseudoLabelDoctor(len(context.dataset.classes), table),
    )  # fmt: skip


def _grows_back(context: Context) -> bool:
    return context.recipe.backbone.last_stage != "keep"


def _load_pretrained(
    net: nn.Module, pretrained: Backbone, kept: Mapping[str, Tensor], *, grows_back: bool
) -> None:
    """Load pretrained weights; a last stage that grows back has the start's or its random ones."""
    own, given = net.state_dict(), pretrained.net.state_dict()
    last = last_stage_keys(net) if grows_back else frozenset()
    before = {key: value for key, value in given.items() if key not in last}
    grown = {key: kept.get(key, own[key]) for key in last}
    net.load_state_dict(before | grown, strict=True)


def baseline_epochs(context: Context) -> int:
    """Epochs of fine-tuning that a baseline gets: the warm-up's too, all layers trained."""
    regrow = context.recipe.finetune.regrow
    warmup = regrow.epochs if regrow and _grows_back(context) else 0
    return context.recipe.finetune.epochs + warmup


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
    classifier = new_classifier(context, stage)
    if stage in (INIT, INIT_LONGER):
        sentence = load_start(context, classifier.backbone.net)
        context.reporter.say(f"{stage.name}: {sentence}")
    elif context.recipe.finetune.trains == "classifier":
        context.engine.place(classifier)
        recalibrate(context, classifier.backbone)
    table, method = whole_network(context, classifier, stage, epochs)
    start = _start(context, classifier) if stage in (INIT, INIT_LONGER) else {}
    return train_classifier(context, table, method, start)


def load_classifier(context: Context, name: str) -> Classifier:
    """Read a classifier of this run back."""
    path = context.run.path / name
    module = deployable_from(checkpoint.load(path), str(path)).module
    if not isinstance(module, Classifier):
        raise TypeError(f"{path} holds no classifier")
    context.engine.place(module)
    return module


def new_classifier(context: Context, stage: StageId) -> Classifier:
    """Make a classifier with seeded random weights.

    Args:
        context: The run.
        stage: Stage that the weights are for.
    """
    backbone = new_backbone(context, stage=stage, whole=True)
    table = context.recipe.finetune
    hidden = wanted_layers(context.recipe, backbone)
    classifier = Classifier(backbone, len(context.dataset.classes), table.reads, hidden)
    _start_normal(classifier, table.classifier_std)
    return classifier


def _start(context: Context, classifier: Classifier) -> dict[str, Tensor]:
    """Start the classifier from the linear probe, if the recipe says so.

    Returns:
        The weights of which the network that is kept may have a share; none for no share.
    """
    table = context.recipe.finetune
    if table.classifier_start == "probe":
        context.engine.place(classifier)
        start_from_probe(context, classifier)
    return weights_of(classifier) if any(table.start_shares) else {}


def _start_normal(classifier: Classifier, std: float | None) -> None:
    if std:
        nn.init.normal_(classifier.fc.weight, std=std)
        nn.init.zeros_(classifier.fc.bias)


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
    frozen = _frozen(context, classifier, stage)
    method = Supervised(
        classifier, label_smoothing=table.label_smoothing, mixup_alpha=table.mixup_alpha,
        frozen=frozen, head_warmup=table.head_warmup, objective=_objective(context),
    )  # fmt: skip
    plan = Stage(
        stage, epochs, table.batch_size, (table.view,), table.optim, table.accumulate,
        table.batchnorm_groups, layer_decay=table.layer_decay,
    )  # fmt: skip
    return plan, method


def _objective(context: Context) -> Objective:
    """Return what is learned: one label an image or several, and how classes count."""
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


def _frozen(context: Context, classifier: Classifier, stage: StageId) -> tuple[nn.Module, ...]:
    """Return what stays in evaluation mode; a backbone that is not trained is frozen in place."""
    table = context.recipe.finetune
    if table.trains == "classifier":
        classifier.backbone.requires_grad_(False)
        return (classifier.backbone,)
    if table.freeze_batchnorm and stage in (FINETUNE, INIT, INIT_LONGER):
        norms = (nn.BatchNorm1d, nn.BatchNorm2d)
        return tuple(module for module in classifier.modules() if isinstance(module, norms))
    return ()


def last_stage_alone(
    context: Context, classifier: Classifier, table: RegrowTable
) -> tuple[Stage, Supervised]:
    """Say how the regrown stage and the classifier are trained on frozen earlier stages (S3L).

    Args:
        context: The run.
        classifier: What is trained; the other parameters are frozen in place.
        table: The warm-up.
    """
    frozen = freeze_before_last_stage(classifier.backbone.net)
    finetune = context.recipe.finetune
    method = Supervised(
        classifier,
        label_smoothing=finetune.label_smoothing,
        frozen=frozen if table.freeze_batchnorm or finetune.freeze_batchnorm else (),
        objective=_objective(context),
    )
    stage = Stage(
        WARMUP, table.epochs, finetune.batch_size, (finetune.view,),
        table.optim, finetune.accumulate, finetune.batchnorm_groups,
        optim_key="finetune.regrow.optim",
    )  # fmt: skip
    return stage, method


def _warm_up(context: Context, classifier: Classifier, table: RegrowTable) -> Meter:
    """Train the regrown stage, and write the classifier that fine-tuning starts from."""
    first_fc = {key: value.clone() for key, value in classifier.fc.state_dict().items()}
    _start_normal(classifier, table.classifier_std)
    stage, method = last_stage_alone(context, classifier, table)
    meter = train_stage(context, stage, method, method, context.images.labelled())
    classifier.requires_grad_(True)
    if not table.keep_classifier:
        classifier.fc.load_state_dict(first_fc)
    save_classifier(context, classifier, WARMUP.file)
    return meter
