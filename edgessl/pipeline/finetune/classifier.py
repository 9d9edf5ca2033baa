"""A run's classifier: made with its first weights, and read back."""

from __future__ import annotations

from torch import nn

from edgessl import checkpoint
from edgessl.backbones import Classifier, deployable_from
from edgessl.pipeline.pretrain import new_backbone
from edgessl.runs.stages import StageId
from edgessl.start.kept_head import wanted_layers
from edgessl.train.place.context import Context


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
    normal_weights(classifier, table.classifier_std)
    return classifier


def normal_weights(classifier: Classifier, std: float | None) -> None:
    """Give a classifier's last layer normal weights and no biases.

    Args:
        classifier: Its layer is changed in place.
        std: Their deviation; None or 0 to leave the layer as PyTorch made it.
    """
    if std:
        nn.init.normal_(classifier.fc.weight, std=std)
        nn.init.zeros_(classifier.fc.bias)


def load_classifier(context: Context, name: str) -> Classifier:
    """Read a classifier of this run back.

    Args:
        context: The run.
        name: Of the file in its folder.
    """
    path = context.run.path / name
    module = deployable_from(checkpoint.load(path), str(path)).module
    if not isinstance(module, Classifier):
        raise TypeError(f"{path} holds no classifier")
    context.engine.place(module)
    return module
