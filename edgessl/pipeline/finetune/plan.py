"""What a fine-tuning will take, before it starts: images, steps, and a measured time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edgessl.pipeline.finetune.finetuning import baseline_epochs
from edgessl.pipeline.finetune.lengths import times
from edgessl.pipeline.finetune.semi_trial import trial_in_words
from edgessl.pipeline.lengths import AROUND
from edgessl.pipeline.score.probe import supervised_rate
from edgessl.pipeline.size_cost import size_costs
from edgessl.train import steps_per_epoch
from edgessl.train.place.context import Context


@dataclass(frozen=True, slots=True)
class FinetunePlan:
    """The cost of a fine-tuning.

    Attributes:
        images: Labelled images of an epoch.
        size_px: Side of the images that the network sees.
        epochs: All of them, those of a last stage that grows back included.
        steps: Optimiser steps.
        batch_size: Images in a step.
        images_per_s: Measured rate.
        measured_batch: Images in a step that was measured: fewer where that would take long.
        minutes: Estimated time, baselines included.
        baselines: What is trained for comparison.
        size: What is known of the accuracy that the size costs.
        unlabelled: What images without label do, or why they do not; empty without any.
    """

    images: int
    size_px: int
    epochs: int
    steps: int
    batch_size: int
    images_per_s: float
    measured_batch: int
    minutes: float
    baselines: tuple[str, ...]
    size: str
    unlabelled: str


def make_plan(context: Context, baselines: Collection[str]) -> FinetunePlan:
    """Measure a few steps on random pixels and work out the rest. Nothing is trained or written.

    Args:
        context: The run.
        baselines: What is trained for comparison, or none.
    """
    table, images = context.recipe.finetune, len(context.dataset.train)
    rate, epochs = supervised_rate(context), baseline_epochs(context)
    seconds = images * epochs * times(context, baselines) / rate.images_per_s
    return FinetunePlan(
        images=images,
        size_px=table.view.size_px,
        epochs=epochs,
        steps=epochs * steps_per_epoch(images, table.batch_size),
        batch_size=min(table.batch_size, images),
        images_per_s=round(rate.images_per_s, 1),
        measured_batch=rate.batch_size,
        minutes=round(seconds * AROUND / 60.0, 1),
        baselines=tuple(name for name in baselines if name != "none"),
        size=size_costs(context.recipe.image.crop_px),
        unlabelled=trial_in_words(context.recipe, context.dataset, context.world),
    )


def describe_finetune_plan(plan: FinetunePlan) -> str:
    """Tell a plan in a few lines.

    Args:
        plan: Of a fine-tuning.
    """
    smaller = ", in smaller batches to answer soon" if plan.measured_batch < plan.batch_size else ""
    beside = ", ".join(plan.baselines)
    return "\n".join(
        [
            f"images      {plan.images} with labels, {plan.size_px} px",
            f"steps       {plan.steps} ({plan.epochs} epochs, batch {plan.batch_size})",
            f"rate        {plan.images_per_s:g} img/s (measured on this device{smaller})",
            f"time        about {plan.minutes:g} minutes"
            + (f", with {beside} beside" if beside else ""),
            f"size        {plan.size}",
            *([f"unlabelled  {plan.unlabelled}"] if plan.unlabelled else []),
        ]
    )
