"""The self-supervised stage of a run, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from edgessl import checkpoint
from edgessl.backbones import Backbone, deployable_from, deployable_payload
from edgessl.data.dataset import Split
from edgessl.files import atomic_path
from edgessl.methods.build import PretrainingMethod, build_method
from edgessl.metrics.batchnorm import recalibrate_batchnorm
from edgessl.pipeline.context import Context
from edgessl.pipeline.doctor import Doctor
from edgessl.pipeline.init import initialise
from edgessl.pipeline.meter import Meter
from edgessl.pipeline.monitor import Monitor, calibration_images
from edgessl.pipeline.training import Stage, train_stage

STAGE = 0


def new_backbone(context: Context, *, stage: int, whole: bool) -> Backbone:
    """Make a backbone with seeded random weights.

    Args:
        context: The run.
        stage: Stage that the weights are for.
        whole: Keep the last stage even if the recipe removes it for pretraining.
    """
    table = context.recipe.backbone
    context.seed_weights(stage)
    last_stage = "keep" if whole else table.last_stage
    return Backbone(table.name, last_stage, context.recipe.image.crop_px)


def pretrain(context: Context, init: str) -> Meter:
    """Pretrain, and write ``pretrained.pt`` and ``backbone.safetensors``.

    Args:
        context: The run.
        init: Where the first weights come from.
    """
    backbone = new_backbone(context, stage=STAGE, whole=False)
    if sentence := initialise(backbone, init):
        context.reporter.say(sentence)
    stage, method = pretraining(context, backbone)
    monitor = Monitor(context, backbone)
    doctor = Doctor(context.recipe.method, stage.optim, ends_run=context.stop_on_collapse)
    meter = train_stage(
        context, stage, method, method, context.images.pretraining(), monitor, doctor
    )
    if context.recipe.pretrain.recalibrate_batchnorm:
        recalibrate(context, backbone)
    keep_pretrained(context, backbone)
    return meter


def pretraining(context: Context, backbone: Backbone) -> tuple[Stage, PretrainingMethod]:
    """Say how a backbone is pretrained.

    Args:
        context: The run.
        backbone: What is trained.
    """
    recipe, table = context.recipe, context.recipe.pretrain
    stage = Stage(
        "pretrain", STAGE, table.epochs, table.batch_size, recipe.views, recipe.optim,
        table.accumulate, table.batchnorm_groups, extendable=True,
    )
    return stage, build_method(backbone, recipe.method)


def keep_pretrained(context: Context, backbone: Backbone) -> dict[str, Any]:
    """Write ``pretrained.pt`` and ``backbone.safetensors``.

    Args:
        context: The run.
        backbone: The network after pretraining.

    Returns:
        Its name, as plain values.
    """
    payload = deployable_payload(
        backbone,
        classes=(),
        preprocess=context.images.preprocess.to_dict(),
        provenance=context.run.read()["provenance"],
    )
    save_safetensors(context.run.path / "backbone.safetensors", backbone)
    checkpoint.save(context.run.path / "pretrained.pt", payload)
    return {"backbone": backbone.name}


def load_pretrained(context: Context) -> Backbone:
    """Read the pretrained backbone back."""
    path = context.run.path / "pretrained.pt"
    backbone = deployable_from(checkpoint.load(path), str(path)).backbone
    context.engine.place(backbone)
    return backbone


def recalibrate(context: Context, backbone: Backbone) -> None:
    """Recompute BN statistics under the evaluation transform, in place.

    They come from images that pretraining saw, labelled or not, so few labels do not matter.
    """
    image, split = context.recipe.image, context.dataset.pretraining
    chosen = calibration_images(len(split))
    pixels = context.images.pixels(Split(tuple(split.paths[i] for i in chosen)))
    recalibrate_batchnorm(backbone, pixels, image.mean, image.std, device=context.device)


def save_safetensors(path: Path, backbone: Backbone) -> None:
    """Write a backbone in timm's key layout; ``timm.create_model(..., checkpoint_path=)`` reads it.

    Args:
        path: Where to write it.
        backbone: What to write.
    """
    weights = {
        key: value.detach().cpu().contiguous() for key, value in backbone.net.state_dict().items()
    }
    with atomic_path(path) as temporary:
        save_file(weights, temporary, metadata={"format": "pt", "backbone": backbone.name,
                                                "last_stage": backbone.last_stage})
