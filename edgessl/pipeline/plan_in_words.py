"""A plan in a few lines."""

from __future__ import annotations

from edgessl.export.int8.check_speed import int8_advice
from edgessl.metrics.cost import mean_over_epochs
from edgessl.pipeline.plan import ArmCost, Plan, StageCost
from edgessl.recipe.stages import PretrainStage


def describe_plan(plan: Plan) -> str:
    """Tell a plan in a few lines."""
    enlarged = ", ".join(f"{percent:g} %" for percent in plan.enlarged_percent)
    several = len(plan.stages) > 1
    views = "" if several else f", views {_sizes(plan.stages[0].stage)}"
    batch = "" if several else f", batch {plan.stages[0].stage.batch_size}"
    lines = [
        f"images      {plan.pretrain_images} for pretraining{views}",
        f"steps       {plan.pretrain_steps} pretraining ({plan.epochs} epochs"
        f"{batch}), {plan.finetune_steps} fine-tuning",
        *(f"{stage.stage.name:<11} {_describe_stage(stage)}" for stage in plan.stages if several),
        f"compute     {plan.mean_macs / 1e6:.2f} M MACs an image{_MEAN if several else ''}, "
        f"all its views together; {plan.total_macs / 1e12:.3g} T in all "
        f"(forward passes of the backbone){_describe_flops(plan.stages)}",
        f"pack        {plan.pack_px} px, {plan.pack_mb:g} MB of decoded images; views enlarged: "
        f"{enlarged}",
        f"rate        {plan.images_per_s:g} img/s pretraining, "
        f"{plan.finetune_images_per_s:g} img/s fine-tuning (measured on this device"
        f"{_SMALLER if plan.smaller_batches else ''})",
        f"time        about {plan.minutes:g} minutes with baselines",
        *([f"baselines   {_describe_arms(plan.baselines)}"] if plan.baselines else []),
        f"size        {plan.size}",
        *([f"unlabelled  {plan.unlabelled}"] if plan.unlabelled else []),
        f"memory      about {plan.memory_mb:g} MB{_SCALED if plan.smaller_batches else ''}",
        f"disk        about {plan.disk_mb:g} MB{_describe_snapshots(plan)}",
    ]
    advice = int8_advice(plan.backbone)
    if advice is not None:
        lines.append(f"int8        {advice.removeprefix('int8 ')}")
    return "\n".join(lines)


def _describe_snapshots(plan: Plan) -> str:
    if not plan.snapshots:
        return ""
    return f", {plan.snapshots} snapshots of {plan.snapshot_mb:g} MB among it"


_MEAN = ", averaged over epochs"
_SMALLER = ", in smaller batches to answer soon"
_SCALED = " (in proportion to those)"


def _describe_flops(stages: tuple[StageCost, ...]) -> str:
    """Tell what S3L's tables say of a schedule, if its rule applies."""
    flops = [stage.flops_s3l for stage in stages if stage.flops_s3l is not None]
    if len(flops) < len(stages):
        return ""
    mean = mean_over_epochs(flops, [stage.stage.epochs for stage in stages])
    return f"; {mean / 1e6:.2f} M FLOPs a global view by S3L's rule"


def _describe_arms(arms: tuple[ArmCost, ...]) -> str:
    return "; ".join(
        f"{arm.name}: about {arm.epochs} epochs, {arm.minutes:.1f} minutes" for arm in arms
    )


def _sizes(stage: PretrainStage) -> str:
    return " + ".join(f"{group.count}x{group.size_px}" for group in stage.views) + " px"


def _describe_stage(plan: StageCost) -> str:
    stage = plan.stage
    return (
        f"{stage.epochs} epochs, views {_sizes(stage)}, batch {stage.batch_size}, {plan.steps} "
        f"steps; {plan.macs / 1e6:.2f} M MACs for all views of an image, "
        f"{plan.rate.images_per_s:.1f} img/s, about {plan.minutes:.1f} minutes"
    )
