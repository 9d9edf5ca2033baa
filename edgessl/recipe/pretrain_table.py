"""``[pretrain]`` and its stages: as written, and resolved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, ValidationError

from edgessl.recipe.optim_tables import Optim
from edgessl.recipe.view_tables import ViewGroup
from edgessl.schema import Table

_PERCENT_SLACK = 0.01  # so that thirds may be written with two decimals


class StageTable(Table):
    """One stage of progressive resolution; it goes on from the weights of the stage before.

    Attributes:
        epochs: Passes over the images; all stages give epochs, or all give percent.
        percent: The same as a share of ``pretrain.epochs``.
        views_px: Side of the views of each group, in the order of ``[[views]]``, in place of
            ``size_px`` there.
        batch_size: Images in a step; left out: ``pretrain.batch_size``.
        optim: Optimiser and schedule, started fresh; left out: the recipe's, started fresh too.

    Source:
        Cao & Wu 2021 (S3L), arXiv:2103.13559: 56 -> 112 -> 224 px for 800, 200 and 100 epochs,
        each with the full learning rate and a cosine of its own.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    percent: Annotated[float, Field(gt=0.0, le=100.0)] | None = None
    views_px: Annotated[tuple[Annotated[int, Field(ge=8, le=8192)], ...], Field(min_length=1)]
    batch_size: Annotated[int, Field(ge=2, le=10_000_000)] | None = None
    optim: Optim | None = None


def stage_epochs(stages: Sequence[StageTable], epochs: int) -> tuple[int, ...]:
    """Return the epochs of every stage, at least one each; their sum is ``epochs``.

    Args:
        stages: Of which all give epochs or all give percent; either is a share of the sum.
        epochs: Of the whole pretraining, at least as many as there are stages.
    """
    shares = [float(stage.epochs or stage.percent or 0.0) for stage in stages]
    exact = [share / sum(shares) * epochs for share in shares]
    found = [max(1, int(value + 1e-9)) for value in exact]  # 0.3 x 10 must not be 2.99…
    while sum(found) < epochs:
        lacking = [value - own for value, own in zip(exact, found, strict=True)]
        found[lacking.index(max(lacking))] += 1
    while sum(found) > epochs:  # short stages were lifted to one epoch
        pairs = zip(exact, found, strict=True)
        surplus = [own - value if own > 1 else -1.0 for value, own in pairs]
        found[surplus.index(max(surplus))] -= 1
    return tuple(found)


def views_of_stage(stage: StageTable, groups: Sequence[ViewGroup]) -> tuple[ViewGroup, ...]:
    """Return a recipe's groups of views at the sizes of a stage."""
    return tuple(
        group.model_copy(update={"size_px": size_px})
        for group, size_px in zip(groups, stage.views_px, strict=True)
    )


def stage_mistakes(
    stages: Sequence[StageTable], epochs: int, groups: Sequence[ViewGroup]
) -> Iterator[str]:
    """Say what is wrong with the stages of a recipe, a sentence each.

    Args:
        stages: Of the recipe.
        epochs: Its ``pretrain.epochs``.
        groups: Its groups of views.
    """
    yield from _length_mistakes(stages, epochs)
    for number, stage in enumerate(stages):
        place = f"pretrain.stages.{number}.views_px"
        if len(stage.views_px) != len(groups):
            yield (
                f"{place}: must have one size for each of the {len(groups)} group(s) of "
                f"[[views]], got {len(stage.views_px)} ({list(stage.views_px)})"
            )
            continue
        for group in views_of_stage(stage, groups):
            try:
                type(group).model_validate(group.model_dump())
            except ValidationError as error:
                reason = error.errors()[0]["msg"].removeprefix("Value error, ")
                yield f"{place}: must fit the views: {reason}; change resize_px or the size"


def _length_mistakes(stages: Sequence[StageTable], epochs: int) -> Iterator[str]:
    wrong = False
    for number, stage in enumerate(stages):
        if (stage.epochs is None) == (stage.percent is None):
            found = "neither" if stage.epochs is None else "both"
            yield f"pretrain.stages.{number}: must give one of epochs and percent, got {found}"
            wrong = True
    units = {"epochs" if stage.epochs is not None else "percent" for stage in stages}
    if wrong or not stages:
        return
    if len(units) > 1:
        given = ", ".join("percent" if stage.epochs is None else "epochs" for stage in stages)
        yield f"pretrain.stages: must give their lengths in the same unit, got {given}"
    elif units == {"epochs"}:
        total = sum(stage.epochs or 0 for stage in stages)
        if total != epochs:
            yield (
                f"pretrain.epochs: must be the sum of its stages ({total}), got {epochs}; "
                "--epochs N changes all of them in proportion"
            )
    else:
        total_percent = sum(stage.percent or 0.0 for stage in stages)
        if abs(total_percent - 100.0) > _PERCENT_SLACK:
            yield (
                f"pretrain.stages: must have percent that sum to 100, got {total_percent:g}"
            )
        if epochs < len(stages):
            yield (
                f"pretrain.epochs: must be at least 1 for each of the {len(stages)} stages, got "
                f"{epochs}"
            )


Count = Annotated[int, Field(ge=1, le=10_000_000)]


class PretrainTable(Table):
    """Pretraining.

    Attributes:
        epochs: Passes over the training and unlabelled images, of all stages together; over the
            labelled ones if the method learns from labels.
        batch_size: Images in a step.
        stages: Of progressive resolution; none for one stage with the views as they are.
        accumulate: Micro-batches in a step, one after the other, to save memory. BN and what a
            loss compares within a batch see one micro-batch.
        batchnorm_groups: Equal contiguous groups of each micro-batch that BN statistics are
            computed over in training; what a paper does per GPU, on any number of processes.
        recalibrate_batchnorm: Recompute BN statistics under the evaluation transform before
            features are scored or kept (factory recipes yes, paper recipes no).
        monitor_every_percent: How often features are scored on ``val``, in percent of the run.
        keep_every_epochs: The network is kept after every so many epochs, in ``snapshots/``; left
            out: only at the end.
    """

    epochs: Count
    batch_size: Annotated[int, Field(ge=2, le=10_000_000)]
    accumulate: Count = 1
    batchnorm_groups: Count = 1
    recalibrate_batchnorm: bool = True
    monitor_every_percent: Annotated[float, Field(gt=0.0, le=100.0)] = 10.0
    keep_every_epochs: Count | None = None
    stages: tuple[StageTable, ...] = ()

    def micro_batches(self) -> tuple[int, ...]:
        """Return the images of a micro-batch, of each stage."""
        batches = [stage.batch_size or self.batch_size for stage in self.stages]
        return tuple(-(-batch // self.accumulate) for batch in batches or [self.batch_size])


@dataclass(frozen=True, slots=True)
class PretrainStage:
    """What one stage of pretraining does.

    Attributes:
        name: In the log and in run.json: ``pretrain``, or ``pretrain-1`` and so on.
        epochs: Passes over the images.
        epochs_before: Of the stages before it.
        batch_size: Images in a step.
        views: Groups of views.
        optim: Optimiser and schedule.
        optim_key: Where the recipe says so.
        batch_key: Where it gives the batch size.
    """

    name: str
    epochs: int
    epochs_before: int
    batch_size: int
    views: tuple[ViewGroup, ...]
    optim: Optim
    optim_key: str = "optim"
    batch_key: str = "pretrain.batch_size"

    @property
    def pixels(self) -> int:
        """Of all views of an image."""
        return sum(group.count * group.size_px**2 for group in self.views)


def resolve_stages(
    table: PretrainTable, views: Sequence[ViewGroup], optim: Optim
) -> tuple[PretrainStage, ...]:
    """Return the stages of pretraining in their order, at least one.

    Args:
        table: Says which.
        views: Groups of views of the recipe, the global one first.
        optim: Of the recipe, for stages without one of their own.
    """
    if not table.stages:
        return (PretrainStage("pretrain", table.epochs, 0, table.batch_size, tuple(views), optim),)
    found: list[PretrainStage] = []
    epochs = stage_epochs(table.stages, table.epochs)
    for number, stage in enumerate(table.stages):
        place = f"pretrain.stages.{number}"
        found.append(
            PretrainStage(
                f"pretrain-{number + 1}" if len(table.stages) > 1 else "pretrain",
                epochs[number],
                sum(epochs[:number]),
                stage.batch_size or table.batch_size,
                views_of_stage(stage, views),
                stage.optim or optim,
                f"{place}.optim" if stage.optim else "optim",
                f"{place}.batch_size" if stage.batch_size else "pretrain.batch_size",
            )
        )
    return tuple(found)
