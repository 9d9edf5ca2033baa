"""What a run will take, before it starts: images, steps, memory, disk, and a measured time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from edgessl import process_memory
from edgessl.backbones import Backbone
from edgessl.errors import UserError
from edgessl.methods.build import PretrainingMethod
from edgessl.metrics.cost import flops_s3l, macs, mean_over_epochs
from edgessl.pipeline.finetune.finetuning import baseline_epochs
from edgessl.pipeline.finetune.semi import times_supervised
from edgessl.pipeline.finetune.semi_trial import trial_in_words, trial_of
from edgessl.pipeline.lengths import AROUND, arms, whole_times
from edgessl.pipeline.pretrain import new_backbone, new_method
from edgessl.pipeline.score.probe import Rate, pretraining_rates, supervised_rate
from edgessl.pipeline.size_cost import size_costs
from edgessl.pipeline.snapshots import snapshots
from edgessl.recipe.stages import PretrainStage, pretrain_stages
from edgessl.recipe.view_tables import ViewGroup
from edgessl.runs.stages import BASELINES, PRETRAIN, WHOLE_TIME
from edgessl.train import steps_per_epoch
from edgessl.train.place.context import Context

_BYTES_PER_MB = 1e6
_FEATURE_COPIES = 4  # features as such, and what the linear probe makes of them


@dataclass(frozen=True, slots=True)
class StageCost:
    """The cost of one stage of pretraining.

    Attributes:
        stage: What it does.
        steps: Its optimiser steps.
        rate: Its measured rate.
        minutes: Its estimated time.
        macs: Multiply-accumulates of the backbone's forward passes on all views of an image.
        flops_s3l: FLOPs of one global view by S3L's rule; None where that does not apply.
    """

    stage: PretrainStage
    steps: int
    rate: Rate
    minutes: float
    macs: int
    flops_s3l: int | None


@dataclass(frozen=True, slots=True)
class ArmCost:
    """The cost of one baseline.

    Attributes:
        name: As of ``--baselines``.
        epochs: Of its fine-tuning, about.
        minutes: Its estimated time.
    """

    name: str
    epochs: int
    minutes: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The cost of a run.

    Attributes:
        backbone: Name of the network.
        epochs: Of pretraining, in all its stages.
        pretrain_images: Images that pretraining sees in an epoch.
        pretrain_steps: Optimiser steps of pretraining.
        finetune_steps: Optimiser steps of fine-tuning, warm-up included; 0 without labels.
        pack_px: Side of packed images.
        pack_mb: Size of the pack on disk and in memory.
        enlarged_percent: Share of views cut from fewer packed pixels than they have, by group, in
            the stage of pretraining where most are.
        memory_mb: Estimated peak memory of training, in the stage that needs most.
        disk_mb: Estimated size of run folder and pack.
        snapshots: Networks that are kept on the way.
        snapshot_mb: Estimated size of each.
        images_per_s: Measured rate of pretraining, over all its stages.
        finetune_images_per_s: Measured rate of fine-tuning; 0 without labels.
        smaller_batches: Whether a rate was measured with fewer images in a step than the run will
            have, because that would have taken long.
        minutes: Estimated time of the whole run with its baselines.
        baselines: What each of them takes of it.
        stages: Of pretraining, in their order.
        mean_macs: The stages' cost of an image, averaged over epochs.
        total_macs: Of pretraining: forward passes of the backbone that is kept.
        size: What is known of the accuracy that the size of the images costs.
        unlabelled: What images without label do in fine-tuning, or why they do not; empty if they
            are not for it.
    """

    backbone: str
    epochs: int
    pretrain_images: int
    pretrain_steps: int
    finetune_steps: int
    pack_px: int
    pack_mb: float
    enlarged_percent: tuple[float, ...]
    memory_mb: float
    disk_mb: float
    snapshots: int
    snapshot_mb: float
    images_per_s: float
    finetune_images_per_s: float
    smaller_batches: bool
    minutes: float
    baselines: tuple[ArmCost, ...]
    stages: tuple[StageCost, ...]
    mean_macs: float
    total_macs: float
    size: str
    unlabelled: str


def make_plan(context: Context, baselines: Collection[str]) -> Plan:
    """Measure a few steps on random pixels and work out the rest. Nothing is trained or written.

    Args:
        context: The run.
        baselines: Of ``BASELINES``, or none.
    """
    recipe, dataset = context.recipe, context.dataset
    images, labelled = len(dataset.pretraining), len(dataset.train)
    pack_px = context.images.size_px
    pack_mb = len(dataset.everything) * 3 * pack_px**2 / _BYTES_PER_MB
    backbone = new_backbone(context, stage=PRETRAIN, whole=False)
    method = new_method(context, backbone)
    parameters = sum(p.numel() for p in method.parameters())
    before_mb = _peak_mb()
    stages, training_mb = _stage_costs(context, method)
    smaller = any(stage.rate.batch_size < stage.stage.batch_size for stage in stages)
    pretrain_s = 60.0 * sum(stage.minutes for stage in stages)
    mean_macs = mean_over_epochs(
        [stage.macs for stage in stages], [stage.stage.epochs for stage in stages]
    )
    seen = images * recipe.pretrain.epochs
    finetune_rate, supervised_s, finetune_steps = 0.0, 0.0, 0
    priced: tuple[ArmCost, ...] = ()
    tried = ""
    if dataset.classes and recipe.evaluate.finetunes:
        measured = supervised_rate(context)
        finetune_rate = measured.images_per_s
        smaller |= measured.batch_size < recipe.finetune.batch_size
        epochs = baseline_epochs(context)
        finetune_s = labelled * epochs / finetune_rate
        finetune_steps = epochs * steps_per_epoch(labelled, recipe.finetune.batch_size)
        own_s = finetune_s * times_supervised(context)
        trial = trial_of(recipe, dataset, context.world)
        tried_s = finetune_s * trial.times if trial else 0.0
        tried = trial_in_words(recipe, dataset, context.world)
        whole_s = pretrain_s + own_s + tried_s
        supervised_s = own_s * arms(baselines) + tried_s
        supervised_s += (whole_s - own_s) * whole_times(baselines)
        priced = tuple(
            ArmCost(name, round(epochs * whole_s / own_s), whole_s / 60.0)
            if name in WHOLE_TIME
            else ArmCost(name, epochs, own_s / 60.0)
            for name in BASELINES
            if name in baselines
        )
    state_mb = parameters * 4 * 2 / _BYTES_PER_MB  # weights and momentum
    states = 3 if len(stages) == 1 else 4  # two that alternate, and the ends of one or two stages
    counted = bool(dataset.classes and recipe.evaluate.protocols)
    scored = labelled + len(dataset.val) + len(dataset.test) if counted else 0
    feature_mb = scored * backbone.feature_dim * 4 / _BYTES_PER_MB
    kept = snapshots(recipe.pretrain.epochs, recipe.pretrain.keep_every_epochs)
    kept_mb = sum(p.numel() for p in backbone.parameters()) * 4 / _BYTES_PER_MB
    image_mb = context.images.ram_bytes() / _BYTES_PER_MB + _FEATURE_COPIES * feature_mb
    return Plan(
        backbone=recipe.backbone.name,
        epochs=recipe.pretrain.epochs,
        pretrain_images=images,
        pretrain_steps=sum(stage.steps for stage in stages),
        finetune_steps=finetune_steps,
        pack_px=pack_px,
        pack_mb=round(pack_mb, 1),
        enlarged_percent=tuple(
            max(_enlarged_percent(stage.stage.views[i], pack_px) for stage in stages)
            for i in range(len(recipe.views))
        ),
        memory_mb=round(max(_peak_mb(), before_mb + training_mb) + image_mb + state_mb, 0),
        disk_mb=round(
            pack_mb + states * state_mb + 6 * parameters * 4 / _BYTES_PER_MB + kept * kept_mb, 0
        ),
        snapshots=kept,
        snapshot_mb=round(kept_mb, 1),
        images_per_s=round(seen / pretrain_s, 1),
        finetune_images_per_s=round(finetune_rate, 1),
        smaller_batches=smaller,
        minutes=round((pretrain_s + supervised_s) * AROUND / 60, 1),
        baselines=priced,
        stages=stages,
        mean_macs=mean_macs,
        total_macs=mean_macs * seen,
        size=size_costs(recipe.image.crop_px),
        unlabelled=tried,
    )


def _stage_costs(
    context: Context, method: PretrainingMethod
) -> tuple[tuple[StageCost, ...], float]:
    """Measure every stage of pretraining.

    Returns:
        The stages, and the memory in MB that training will add to what the process has.
    """
    before_mb = _peak_mb()
    images, found = len(context.dataset.pretraining), []
    sizes = {group.size_px for stage in pretrain_stages(context.recipe) for group in stage.views}
    cost = {size_px: macs(method.backbone, size_px) for size_px in sizes}
    rates = pretraining_rates(context, method)
    for stage, rate in rates:
        found.append(
            StageCost(
                stage,
                steps=stage.epochs * steps_per_epoch(images, stage.batch_size),
                rate=rate,
                minutes=images * stage.epochs / rate.images_per_s / 60.0,
                macs=sum(group.count * cost[group.size_px] for group in stage.views),
                flops_s3l=_flops_s3l(method.backbone, stage.views[0].size_px),
            )
        )
    added_mb = _peak_mb() - before_mb
    if context.device.type == "cpu":
        parameters = sum(p.numel() for p in method.parameters())
        added_mb = _whole_batch_mb(added_mb, parameters * 4 * 2 / _BYTES_PER_MB, rates)
    return tuple(found), added_mb


def _whole_batch_mb(
    added_mb: float, fixed_mb: float, rates: Sequence[tuple[PretrainStage, Rate]]
) -> float:
    """Estimate what whole batches add to memory, from what smaller ones did.

    Activations are in proportion to the pixels of a batch; gradients and momentum are not.

    Args:
        added_mb: What the measured steps added.
        fixed_mb: Gradients and momentum.
        rates: Stages and what was measured of them.
    """
    measured = max(stage.pixels * rate.batch_size for stage, rate in rates)
    whole = max(stage.pixels * stage.batch_size for stage, _ in rates)
    return fixed_mb + max(0.0, added_mb - fixed_mb) * whole / measured


def _flops_s3l(backbone: Backbone, size_px: int) -> int | None:
    try:
        return flops_s3l(backbone, size_px, backbone.feature_dim)
    except UserError:  # the rule is for networks with batch norm
        return None


def _enlarged_percent(group: ViewGroup, pack_px: int) -> float:
    low, high = group.area
    limit = (group.size_px / pack_px) ** 2  # crops under this area have fewer packed pixels
    share = 0.0 if high == low else (limit - low) / (high - low)
    return round(100.0 * min(1.0, max(0.0, share)), 1)


def _peak_mb() -> float:
    return process_memory.peak_mb() or 0.0
