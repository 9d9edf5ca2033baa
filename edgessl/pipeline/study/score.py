"""The number of a row of a study, from its runs or from its recipe alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgessl.backbones import Backbone
from edgessl.data.hierarchy import hierarchy_of
from edgessl.errors import UserError
from edgessl.metrics.cost import flops_s3l, macs, mean_over_epochs, params
from edgessl.metrics.interval import Score
from edgessl.metrics.pixel_scale import mean_pixel_scale_ratio
from edgessl.pipeline.general import AS_THEY_ARE, AsFeatures, is_general
from edgessl.pipeline.score.evaluate import Evaluated, EvaluatedTags, evaluate, evaluate_model
from edgessl.pipeline.study.asked import Asked
from edgessl.pipeline.study.features import number_of_features
from edgessl.pipeline.study.job import Job
from edgessl.pipeline.study.maps import number_of_maps
from edgessl.pipeline.study.number import Number
from edgessl.pipeline.study.sets import has_tags
from edgessl.recipe import Recipe, load_recipe
from edgessl.recipe.stages import pretrain_stages
from edgessl.recipe.study_row import Row
from edgessl.runs.stages import FINETUNE, PRETRAIN, SUPERVISED_FILE

_MILLION = 1e6
_TOP5 = frozenset({"finetune_top5", "classifier_top5"})
_OF_CLASSIFIERS = _TOP5 | {"finetune", "finetune_map", "classifier"}
_OF_PROBES = frozenset({"linear", "knn", "map"})


def number_of_recipe(row: Row, asked: Asked) -> Number:
    """Return a number that the recipe alone answers.

    Args:
        row: Whose score is of ``WITHOUT_TRAINING``.
        asked: How the study is run: its changes and its size count, its scale does not.

    Raises:
        UserError: The recipe has no such number.
    """
    recipe = load_recipe(row.recipe, overrides=(*row.set, *asked.overrides))
    if row.score == "pixel_scale":
        if len(recipe.views) < 2:
            raise UserError(f"{row.recipe}: must have local views for a pixel scale, found none")
        return Number(mean_pixel_scale_ratio(recipe.views[0], recipe.views[1]))
    table = recipe.backbone
    backbone = Backbone(table.name, table.pretrained_last_stage, recipe.image.crop_px)
    if row.score == "params":
        return Number(params(backbone) / _MILLION)
    return Number(_mean_cost(backbone, recipe, s3l=row.score == "flops_s3l") / _MILLION)


def _mean_cost(backbone: Backbone, recipe: Recipe, *, s3l: bool) -> float:
    """Return the cost of a global view, averaged over epochs where stages differ."""
    stages = pretrain_stages(recipe)
    costs = []
    for stage in stages:
        size = stage.views[0].size_px
        if s3l:
            costs.append(flops_s3l(backbone, size, backbone.feature_dim))
        else:
            costs.append(macs(backbone, size))
    return mean_over_epochs(costs, [stage.epochs for stage in stages])


def numbers_of_runs(
    job: Job, runs: Path, asked: Asked, say: Callable[[str], None] = lambda _line: None
) -> list[Number]:
    """Score what the runs of a job left.

    Args:
        job: Whose runs have come to their end.
        runs: The folder that they are in.
        asked: How the study is run.
        say: Called with the name of each step.

    Returns:
        One number, or one for each level of the hierarchy.

    Raises:
        UserError: It cannot be scored so on these images.
    """
    row = job.row
    if row.score == "gt_known":
        assert job.tuning is not None
        tuned = runs / job.tuning.folder / FINETUNE.file
        return [number_of_maps(tuned, job.scored_on, asked.device, say)]
    if row.score == "finetune_map" and has_tags(job.scored_on):
        assert job.tuning is not None
        tuned = runs / job.tuning.folder / FINETUNE.file
        found = evaluate(
            tuned, data=job.scored_on, protocol="map", device=asked.device, say=say
        )
        return [Number.of(found.score)]
    if row.score in _OF_CLASSIFIERS:
        answers = _of_classifier(job, runs, asked, say)
        if row.score in _TOP5:
            return [Number.of(_top5_of(answers))]
        return _of_levels(answers, job) if row.levels else [Number.of(answers.score)]
    own = Path(job.weights)
    if job.pretraining is not None:
        own = runs / job.pretraining.folder / job.file
    opened = _opened(own, row, asked)
    if row.score not in _OF_PROBES:
        return [number_of_features(own, row, job.scored_on, asked, opened, say)]
    fused = [runs / one.folder / PRETRAIN.file for one in job.fused]
    features = _of_features(own, fused, job, asked, opened, say)
    if row.levels and isinstance(features, Evaluated):
        return _of_levels(features, job)
    return [Number.of(features.score)]


def _opened(own: Path, row: Row, asked: Asked) -> AsFeatures:
    """Say how general weights are opened: as the network of the row's recipe, at its size."""
    if not is_general(str(own)):
        return AS_THEY_ARE
    recipe = load_recipe(row.recipe, overrides=(*row.set, *asked.overrides))
    return AsFeatures(recipe.backbone.name, asked.size or recipe.image.crop_px)


def _of_classifier(
    job: Job, runs: Path, asked: Asked, say: Callable[[str], None]
) -> Evaluated:
    if job.tuning is not None:
        file = runs / job.tuning.folder / FINETUNE.file
    else:
        assert job.pretraining is not None
        file = runs / job.pretraining.folder / SUPERVISED_FILE
    return evaluate_model(file, job.scored_on, "top1", device=asked.device, say=say)


def _top5_of(found: Evaluated) -> Score:
    if found.evaluation.top5 is None:
        raise UserError(
            f"{found.dataset.name}: must have over ten classes for top-5, got "
            f"{len(found.classes)}; pass --data with more"
        )
    return found.evaluation.top5


def _of_features(
    own: Path, fused: Sequence[Path], job: Job, asked: Asked, opened: AsFeatures,
    say: Callable[[str], None],
) -> Evaluated | EvaluatedTags:  # fmt: skip
    protocol = job.row.score
    if protocol == "map" and has_tags(job.scored_on):
        return evaluate(
            own, data=job.scored_on, protocol="map", device=asked.device, say=say,
            backbone=opened.backbone, size=opened.image_px,
        )  # fmt: skip
    if protocol == "map":
        protocol = "linear"  # of one label each; the page says so
    return evaluate_model(
        own, job.scored_on, protocol, opened, device=asked.device, say=say, fuse=fused
    )


def _of_levels(found: Evaluated, job: Job) -> list[Number]:
    """Score every level of the hierarchy: right is who is in the same coarse class (Cole, C.6)."""
    matrix = found.confusion
    right_of = {"": {name: name for name in found.classes}}
    levels = {**hierarchy_of(job.scored_on, found.classes), **right_of}
    total = sum(map(sum, matrix))
    numbers = []
    for level, coarse in levels.items():
        right = sum(
            count
            for true, row in zip(found.classes, matrix, strict=True)
            for guess, count in zip(found.classes, row, strict=True)
            if coarse[true] == coarse[guess]
        )
        score = Score.from_counts(right, total)
        classes = len(set(coarse.values()))
        numbers.append(
            Number(score.value, score.low, score.high, score.n, level or "class", classes)
        )
    return sorted(numbers, key=lambda number: number.x or 0)
