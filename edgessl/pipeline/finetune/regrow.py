"""A removed or dropped last stage grows back: its weights, and its warm-up (S3L)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from edgessl.backbones import Backbone, Classifier
from edgessl.backbones.last_stage import freeze_before_last_stage, last_stage_keys
from edgessl.methods.classification import Supervised
from edgessl.pipeline.finetune.classifier import load_classifier, normal_weights
from edgessl.pipeline.finetune.objective import objective_of
from edgessl.pipeline.finetune.train_classifier import save_classifier
from edgessl.pipeline.pretrain import load_kept_stage
from edgessl.recipe import Recipe
from edgessl.recipe.finetune_table import RegrowTable
from edgessl.runs.stages import WARMUP
from edgessl.train.place.context import Context, once
from edgessl.train.stage.stage import Stage
from edgessl.train.stage.timing import Meter
from edgessl.train.stage.train_stage import train_stage


def load_pretrained_net(context: Context, classifier: Classifier, pretrained: Backbone) -> None:
    """Give a classifier a pretrained backbone; a stage that grows back has the start's weights.

    Args:
        context: The run.
        classifier: Changed in place.
        pretrained: The backbone that pretraining kept.
    """
    kept = load_kept_stage(context) if grows_back(context) else {}
    _load_pretrained(classifier.backbone.net, pretrained, kept, grows_back=grows_back(context))
    if kept and WARMUP.name not in context.run.read()["finished"]:
        context.reporter.say(
            f"The last stage grows back with the weights that the start had for it "
            f"({len(kept)} tensors)."
        )


def warm_up(context: Context, classifier: Classifier) -> None:
    """Train a stage that grows back, and the classifier, on frozen earlier stages; once a run.

    Args:
        context: The run.
        classifier: With pretrained weights; gets those that the warm-up leaves.
    """
    table = context.recipe.finetune.regrow
    if table is None or not grows_back(context):
        return
    once(context, WARMUP.name, lambda: dict(_warm_up(context, classifier, table).facts()))
    classifier.load_state_dict(load_classifier(context, WARMUP.file).state_dict())


def grows_back(context: Context) -> bool:
    """Tell whether the backbone was pretrained without its last stage.

    Args:
        context: The run.
    """
    return context.recipe.backbone.last_stage != "keep"


def whole_epochs(recipe: Recipe) -> int:
    """Return the epochs on labels alone: those of fine-tuning, and of a stage that grows back.

    Args:
        recipe: What is trained.
    """
    regrow = recipe.finetune.regrow if recipe.backbone.last_stage != "keep" else None
    return recipe.finetune.epochs + (regrow.epochs if regrow else 0)


def _load_pretrained(
    net: nn.Module, pretrained: Backbone, kept: Mapping[str, Tensor], *, grows_back: bool
) -> None:
    """Load pretrained weights; a last stage that grows back has the start's or its random ones."""
    own, given = net.state_dict(), pretrained.net.state_dict()
    last = last_stage_keys(net) if grows_back else frozenset()
    before = {key: value for key, value in given.items() if key not in last}
    grown = {key: kept.get(key, own[key]) for key in last}
    net.load_state_dict(before | grown, strict=True)


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
        frozen=frozen if table.freeze_batchnorm or finetune.freeze_batchnorm else (),
        objective=objective_of(context),
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
    normal_weights(classifier, table.classifier_std)
    stage, method = last_stage_alone(context, classifier, table)
    meter = train_stage(context, stage, method, method, context.images.labelled())
    classifier.requires_grad_(True)
    if not table.keep_classifier:
        classifier.fc.load_state_dict(first_fc)
    save_classifier(context, classifier, WARMUP.file)
    return meter
