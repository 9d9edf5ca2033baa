"""What a training stage does: its images, views, optimiser and steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from edgessl.backbones import Backbone
from edgessl.methods.method import Method
from edgessl.optim import build_optimizer, layer_scales
from edgessl.recipe.optim_tables import Optim
from edgessl.recipe.view_tables import ViewGroup
from edgessl.runs.stages import StageId, is_pretraining
from edgessl.schedules import Clock
from edgessl.train import StepRecord, TrainingData, fit, step_images, steps_per_epoch
from edgessl.train.loop.fit import Sampler
from edgessl.train.place.context import Context, Workplace
from edgessl.train.place.processes import batch_parts
from edgessl.views import ViewSampler
from edgessl.views.corruption import Corruption
from edgessl.views.split_sampler import SplitSampler


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage trains.

    Attributes:
        what: Its name, number and file.
        epochs: Passes over the data.
        batch_size: Images in a step; a smaller set is one batch.
        groups: Groups of views.
        optim: Optimiser and schedules.
        accumulate: Micro-batches in a step.
        batchnorm_groups: Groups of each micro-batch that BN is computed over.
        keeps_end: Whether its last state is kept, so that it can be made longer, or the next
            stage of pretraining can go on from it.
        epochs_before: Epochs of the stages of pretraining before it; the log counts them in.
        optim_key: Where the recipe gives ``optim``.
        batch_key: Where it gives the batch size.
        layer_decay: Share of the next stage's learning rate that each stage of the backbone has.
        corruption: How its images are degraded; None to leave them.
        beside: Groups of views of the images without label, where some stand beside the others.
        ratio: Of those for each labelled one in a step.
        sampler: Makes the batches instead of ``groups`` and the recipe's normalisation.
        images: Opens its images, on other processes than the first, where they are not the run's.
    """

    what: StageId
    epochs: int
    batch_size: int
    groups: tuple[ViewGroup, ...]
    optim: Optim
    accumulate: int = 1
    batchnorm_groups: int = 1
    keeps_end: bool = False
    epochs_before: int = 0
    optim_key: str = "finetune.optim"
    batch_key: str = "finetune.batch_size"
    layer_decay: float = 1.0
    corruption: Corruption | None = None
    beside: tuple[ViewGroup, ...] = ()
    ratio: int = 0
    sampler: Sampler | None = None
    images: Callable[[], TrainingData] | None = None

    @property
    def name(self) -> str:
        """In the log and in run.json."""
        return self.what.name


def stage_images(place: Workplace, stage: Stage) -> TrainingData:
    """Return the images of a stage, as the first process has them.

    Args:
        place: The run; a ``Context`` where the stage does not bring images of its own.
        stage: What is trained.
    """
    if stage.images is not None:
        return stage.images()
    context = cast(Context, place)
    if is_pretraining(stage.name):
        return context.images.pretraining()
    return context.images.mixed(stage.ratio) if stage.beside else context.images.labelled()


def prepare(context: Workplace, stage: Stage, module: nn.Module) -> torch.optim.Optimizer:
    """Put a method where it is trained, in training mode, and return what updates it.

    Args:
        context: The run.
        stage: What is trained.
        module: The method.
    """
    context.engine.place(module)
    module.train()
    if context.engine.compiled:
        _compile_backbones(module)
    return build_optimizer(module, stage.optim, _scales(module, stage.layer_decay))


def _scales(module: nn.Module, layer_decay: float) -> Mapping[str, float]:
    """Return the share of the learning rate of parameters that have not all of it, by name."""
    if layer_decay == 1:
        return {}
    net = cast(Method, module).backbone.net
    names = {id(param): name for name, param in module.named_parameters()}
    scales = layer_scales(net, layer_decay)
    return {names[id(param)]: scales[name] for name, param in net.named_parameters()}


def _compile_backbones(module: nn.Module) -> None:
    for child in module.modules():
        if isinstance(child, Backbone):
            child.net.compile()  # in place, so that state dicts keep their keys


def clock_of(stage: Stage, data: TrainingData, step: int) -> Clock:
    """Return where a stage is.

    Args:
        stage: What is trained.
        data: Its images.
        step: Steps done.
    """
    per_epoch = steps_per_epoch(len(data), stage.batch_size)
    return Clock(step, per_epoch, stage.epochs, stage.what.number)


def _batch_size(context: Workplace, stage: Stage, data: TrainingData) -> int:
    """Images in a step, of all processes."""
    parts = batch_parts(
        context.world, accumulate=stage.accumulate, groups=stage.batchnorm_groups
    )
    return step_images(len(data), stage.batch_size, parts)


def images_in_step(context: Workplace, stage: Stage, data: TrainingData) -> int:
    """Return the images in a step, those without label too.

    Args:
        context: The run.
        stage: What is trained.
        data: Its images.
    """
    own = _batch_size(context, stage, data)
    return data.images_in_step(own, stage.accumulate * context.world.size)


def stage_steps(
    context: Workplace,
    stage: Stage,
    method: Method,
    data: TrainingData,
    optimizer: torch.optim.Optimizer,
    clock: Clock,
    *,
    lr_factor: float,
    scaler: torch.amp.GradScaler,
) -> Iterator[StepRecord]:
    """Train a stage from a clock on, one record a step.

    Args:
        context: The run.
        stage: What to train.
        method: The method, in training mode on the device.
        data: Its images.
        optimizer: Updates it.
        clock: Where to start.
        lr_factor: The scheduled learning rate is multiplied by it.
        scaler: Of fp16 gradients.
    """
    sampler = stage.sampler or _views(cast(Context, context), stage, data)
    return fit(
        method, data, sampler, optimizer, stage.optim,
        clock=clock, batch_size=_batch_size(context, stage, data), seed=context.seed,
        engine=context.engine, accumulate=stage.accumulate, lr_factor=lr_factor,
        batchnorm_groups=stage.batchnorm_groups, scaler=scaler,
    )  # fmt: skip


def _views(context: Context, stage: Stage, data: TrainingData) -> Sampler:
    image, layout = context.recipe.image, context.engine.memory_format
    own = ViewSampler(stage.groups, image.mean, image.std, layout, stage.corruption)
    if data.labelled is None:
        return own
    others = ViewSampler(stage.beside, image.mean, image.std, layout)
    return SplitSampler(own, others, data.labelled)
