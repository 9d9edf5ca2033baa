"""The pretraining of a run, in one stage or several, and what it leaves behind."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import Backbone, Classifier, deployable_from, deployable_payload
from edgessl.backbones.build_net import draw_fan_out
from edgessl.data.dataset import Split
from edgessl.errors import UserError
from edgessl.methods.build import PretrainingMethod, build_method
from edgessl.metrics.batchnorm import recalibrate_batchnorm
from edgessl.pipeline.monitor import Monitor, calibration_images
from edgessl.pipeline.snapshots import with_snapshots
from edgessl.pipeline.source import Source
from edgessl.recipe import Recipe
from edgessl.recipe.stages import PretrainStage, pretrain_stages
from edgessl.runs import snapshots
from edgessl.runs.stages import PRETRAIN, SUPERVISED_FILE, StageId, part_of_pretraining
from edgessl.start import safetensors_file
from edgessl.start.begin import begin_from
from edgessl.start.kept_head import KEY, KeptHead, head_of
from edgessl.start.kept_stage import STAGE_KEY, stage_of
from edgessl.train.health.doctor import Doctor
from edgessl.train.place.context import Context, once
from edgessl.train.stage.stage import Stage
from edgessl.train.stage.state_fits import weights_misfit
from edgessl.train.stage.timing import Meter
from edgessl.train.stage.train_stage import train_stage
from edgessl.views.contact_sheet import contact_sheet
from edgessl.views.corruption import Corruption

SHEET_IMAGES = 6


def new_backbone(context: Context, *, stage: StageId, whole: bool) -> Backbone:
    """Make a backbone with seeded random weights.

    Args:
        context: The run.
        stage: Stage that the weights are for.
        whole: For fine-tuning: with its last stage, even if the recipe removes it for
            pretraining, and without dropout and stochastic depth.
    """
    table = context.recipe.backbone
    context.seed_weights(stage.number)
    image_px = context.recipe.image.crop_px
    if whole:
        backbone = Backbone(
            table.name, "keep", image_px,
            batchnorm_eps=table.batchnorm_eps, batchnorm_momentum=table.batchnorm_momentum,
        )  # fmt: skip
    else:
        backbone = Backbone(
            table.name, table.pretrained_last_stage, image_px,
            dropout=table.dropout, drop_path=table.drop_path,
            batchnorm_eps=table.batchnorm_eps, batchnorm_momentum=table.batchnorm_momentum,
        )  # fmt: skip
    if table.first_weights == "fan_out":
        draw_fan_out(backbone.net)
    return backbone


def keep_views(context: Context) -> dict[str, Any]:
    """Write ``views.npz``: a few images with their views, those of the last stage.

    Args:
        context: The run.

    Returns:
        How many images it shows.
    """
    store = context.images.pretraining().images
    count = min(SHEET_IMAGES, len(store))
    ids = np.linspace(0, len(store) - 1, count).astype(np.int64)
    (packed,) = store.batches([ids], torch.device("cpu"))
    groups = pretrain_stages(context.recipe)[-1].views
    arrays = contact_sheet(
        packed, store.sizes[ids], ids, groups, context.seed, _corruption(context.recipe)
    )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    context.run.write_bytes("views.npz", buffer.getvalue())
    return {"images": count}


def pretrain(context: Context, source: Source, last_stage: Mapping[str, Tensor]) -> Meter:
    """Pretrain, and write ``pretrained.pt`` and ``backbone.safetensors``.

    Args:
        context: The run.
        source: Where the first weights come from. Where that is not to be had any more, there must
            be a state to go on from.
        last_stage: What the last stage that it goes without grows back with; empty for new weights.

    Returns:
        The time that all stages took together.

    Raises:
        UserError: The first weights are needed, and not to be had.
    """
    backbone = new_backbone(context, stage=PRETRAIN, whole=False)
    if source.refusal is None and (told := begin_from(backbone, source.init).told):
        context.reporter.say(told)
    method = new_method(context, backbone)
    stages = pretrain_stages(context.recipe)
    keep = partial(_keep_snapshot, context, method, last_stage)
    if len(stages) == 1:
        meter = _train(context, method, 0, source, keep)
    else:
        meter = _train_in_turn(context, method, source, keep)
    if context.recipe.pretrain.recalibrate_batchnorm:
        recalibrate(context, backbone)
    keep_pretrained(context, backbone, head_of(method), last_stage)
    if context.dataset.lesson is not None:
        keep_classifier(context, backbone, method)
    return meter


def new_method(context: Context, backbone: Backbone) -> PretrainingMethod:
    """Build the method of a run around a backbone.

    Args:
        context: The run.
        backbone: What is pretrained and kept.
    """
    lesson = context.dataset.lesson
    classes = 0 if lesson is None else len(lesson.classes)
    return build_method(backbone, context.recipe.method, classes)


def _train_in_turn(
    context: Context, method: PretrainingMethod, source: Source, keep: Callable[[int], None]
) -> Meter:
    """Train all stages, each from the weights that the one before ended with.

    The whole method goes on, as S3L does it for MoCo (query and key network, queue) and says it
    should be for BYOL: backbone, heads and predictor, teacher, queue, centre and prototypes, and
    all running statistics. The next stage asks the same question of the same images, only larger
    ones, so what answers it is worth keeping. What belongs to the schedule starts fresh: the
    optimiser with its momentum, the learning rate, the teacher's momentum and temperature, and
    durations such as a frozen last layer, which count from the start of each stage.

    Source:
        Cao & Wu 2021 (S3L), arXiv:2103.13559, and its code.
    """
    total = Meter()
    stages = pretrain_stages(context.recipe)
    for number, stage in enumerate(stages):
        train = partial(_train_one_of, context, method, number, source, keep)
        found = once(context, stage.name, train)
        total.include(Meter(**found["meter"]))
        if number:
            context.run.drop_end(stages[number - 1].name)
    _take_over(context, method, stages[-1])
    context.engine.place(method)  # not done yet where an earlier call has trained all stages
    return total


def _take_over(context: Context, method: PretrainingMethod, stage: PretrainStage) -> None:
    """Load what a stage ended with, from the file even if it was trained just now."""
    weights: Any = context.run.load_end(stage.name).get("module")
    if trouble := weights_misfit(weights, method):
        raise UserError(
            f"{context.run.path / 'state'}: must hold the weights that {stage.name} ended with, "
            f"found others ({trouble}); start over with --fresh"
        )
    method.load_state_dict(weights, strict=True)


def _train_one_of(
    context: Context, method: PretrainingMethod, number: int, source: Source,
    keep: Callable[[int], None],
) -> dict[str, Any]:
    stages = pretrain_stages(context.recipe)
    stage = stages[number]
    if number:
        _take_over(context, method, stages[number - 1])
    sizes = " and ".join(f"{group.size_px}" for group in stage.views)
    context.reporter.say(f"{stage.name}: {stage.epochs} epochs of views of {sizes} px.")
    meter = _train(context, method, number, source, keep)
    return {**meter.facts(), "meter": meter.to_dict()}


def _train(
    context: Context, method: PretrainingMethod, number: int, source: Source,
    keep: Callable[[int], None],
) -> Meter:
    """Train one stage, watched by a monitor and a doctor of its own."""
    stage = pretrain_stages(context.recipe)[number]
    doctor = None
    if context.recipe.method.may_collapse():
        doctor = Doctor(
            context.recipe.method, stage.optim, ends_run=context.stop_on_collapse,
            optim_key=stage.optim_key,
        )  # fmt: skip
    watch = with_snapshots(
        Monitor(context, method.backbone, stage), keep,
        context.recipe.pretrain.keep_every_epochs, stage.epochs_before,
    )  # fmt: skip
    return train_stage(
        context, pretraining(context, stage, number), method, method,
        context.images.pretraining(), watch, doctor,
        must_go_on=None if number else source.refusal,
    )  # fmt: skip


def pretraining(context: Context, stage: PretrainStage, number: int) -> Stage:
    """Say how a stage of pretraining is trained.

    Args:
        context: The run.
        stage: As the recipe has it.
        number: Of the stage, from 0.
    """
    table = context.recipe.pretrain
    return Stage(
        part_of_pretraining(stage.name, number), stage.epochs, stage.batch_size,
        stage.views, stage.optim, table.accumulate, table.batchnorm_groups,
        keeps_end=True, epochs_before=stage.epochs_before, optim_key=stage.optim_key,
        batch_key=stage.batch_key,
        corruption=_corruption(context.recipe),
    )  # fmt: skip


def _corruption(recipe: Recipe) -> Corruption | None:
    """Return how the images of pretraining are degraded."""
    table = recipe.data
    if table.corruption is None:
        return None
    return Corruption(table.corruption, table.corruption_px, table.corruption_interpolation)


def keep_pretrained(
    context: Context,
    backbone: Backbone,
    head: KeptHead | None,
    last_stage: Mapping[str, Tensor],
) -> dict[str, Any]:
    """Write ``pretrained.pt`` and ``backbone.safetensors``.

    Args:
        context: The run.
        backbone: The network after pretraining.
        head: Hidden layers of the head it was pretrained with, for ``pretrained.pt``; None where
            they are not known.
        last_stage: What a last stage that the backbone is without grows back with; empty for new
            weights.

    Returns:
        Its name, as plain values.
    """
    save_safetensors(context.run.path / "backbone.safetensors", backbone)
    _save_pretrained(context, PRETRAIN.file, backbone, head, last_stage)
    return {"backbone": backbone.name}


def _keep_snapshot(
    context: Context, method: PretrainingMethod, last_stage: Mapping[str, Tensor], epoch: int
) -> None:
    """Write the network after an epoch, as ``pretrained.pt`` would be; training is not touched."""
    backbone = copy.deepcopy(method.backbone)
    if context.recipe.pretrain.recalibrate_batchnorm:
        recalibrate(context, backbone)
    (context.run.path / snapshots.FOLDER).mkdir(exist_ok=True)
    _save_pretrained(context, snapshots.file_of(epoch), backbone, head_of(method), last_stage)


def _save_pretrained(
    context: Context,
    name: str,
    backbone: Backbone,
    head: KeptHead | None,
    last_stage: Mapping[str, Tensor],
) -> None:
    payload = deployable_payload(
        backbone,
        classes=(),
        preprocess=context.images.preprocess.to_dict(),
        provenance=context.run.read()["provenance"],
    )
    if head is not None:
        payload[KEY] = head.to_dict()
    if last_stage:
        payload[STAGE_KEY] = dict(last_stage)
    checkpoint.save(context.run.path / name, payload)


def keep_classifier(
    context: Context, backbone: Backbone, method: PretrainingMethod
) -> None:
    """Write ``supervised.pt``: the backbone with the classifier that pretraining trained.

    Args:
        context: The run, which learned labels.
        backbone: The network after pretraining.
        method: Has the classifier.
    """
    lesson, fc = context.dataset.lesson, method.get_submodule("fc")
    assert lesson is not None
    classifier = Classifier(backbone, len(lesson.classes))
    classifier.fc.load_state_dict(fc.state_dict())
    payload = deployable_payload(
        classifier,
        classes=lesson.classes,
        preprocess=context.images.preprocess.to_dict(),
        provenance=context.run.read()["provenance"],
    )
    checkpoint.save(context.run.path / SUPERVISED_FILE, payload)


def load_pretrained(context: Context) -> Backbone:
    """Read the pretrained backbone back."""
    path = context.run.path / PRETRAIN.file
    backbone = deployable_from(checkpoint.load(path), str(path)).backbone
    context.engine.place(backbone)
    return backbone


def load_pretrained_head(context: Context) -> KeptHead | None:
    """Read back what ``pretrained.pt`` holds of the head; None if that is nothing."""
    return KeptHead.from_payload(checkpoint.load(context.run.path / PRETRAIN.file))


def load_kept_stage(context: Context) -> dict[str, Tensor]:
    """Read back what ``pretrained.pt`` keeps of a last stage; empty if that is nothing."""
    return stage_of(checkpoint.load(context.run.path / PRETRAIN.file))


def recalibrate(context: Context, backbone: Backbone) -> None:
    """Recompute BN statistics under the evaluation transform, in place.

    They come from images that pretraining saw, labelled or not, so few labels do not matter.
    """
    image, split = context.recipe.image, context.dataset.pretraining
    chosen = calibration_images(len(split))
    paths = tuple(split.paths[i] for i in chosen)
    digests = tuple(split.digests[i] for i in chosen)
    pixels = context.images.pixels(Split(paths, digests=digests))
    recalibrate_batchnorm(backbone, pixels, image.mean, image.std, device=context.device)


def save_safetensors(path: Path, backbone: Backbone) -> None:
    """Write a backbone in timm's key layout; ``timm.create_model(..., checkpoint_path=)`` reads it.

    Args:
        path: Where to write it.
        backbone: What to write.
    """
    metadata = {"format": "pt", "backbone": backbone.name, "last_stage": backbone.last_stage}
    if backbone.batchnorm_eps is not None:
        metadata["batchnorm_eps"] = repr(backbone.batchnorm_eps)
    safetensors_file.save(path, backbone.net.state_dict(), metadata)
