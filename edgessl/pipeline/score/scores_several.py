"""Final scores where images may have several labels: mean average precision on ``test``."""

from __future__ import annotations

import copy
import io
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl import checkpoint
from edgessl.backbones import Backbone, deployable_from
from edgessl.data.dataset import Split
from edgessl.data.tagged import tag_table
from edgessl.metrics.features import extract_features
from edgessl.metrics.interval import Score
from edgessl.metrics.tag_thresholds import class_decisions
from edgessl.metrics.tags import (
    eleven_point_precision,
    fit_tag_probe,
    map_of_chance,
    mean_average_precision,
)
from edgessl.pipeline.closeness import near_copies
from edgessl.pipeline.finetune.classifier import load_classifier
from edgessl.pipeline.finetune.kept_start import load_start
from edgessl.pipeline.pretrain import load_pretrained, new_backbone, recalibrate
from edgessl.pipeline.score.scores import bank_of
from edgessl.pipeline.score.thresholds import chances
from edgessl.report.compare.several import paired_map, read_answers
from edgessl.runs.main_score import answers_file
from edgessl.runs.stages import FINETUNE, PRETRAIN, StageId, scores_of
from edgessl.train.place.context import Context

_LETTERS = 16  # of a digest, as in tested_on.txt


def score_own_several(context: Context, init: str) -> dict[str, Any]:
    """Score features and the classifier of a run.

    Args:
        context: The run.
        init: The weights that it started from; ``none`` for random ones.

    Returns:
        Tables of ``report.json``: ``finetune_map`` and ``linear_map`` among the scores, ``classes``
        one by one, and VOC2007's mean of 11 points.
    """
    context.reporter.say("Scoring on test.")
    probes = "linear" in context.recipe.evaluate.protocols
    tables: dict[str, Any] = {}
    if "random" in context.recipe.evaluate.protocols and probes:
        tables["scores_random"] = _probed_random(context)
    if probes and init != "none":
        start = new_backbone(context, stage=PRETRAIN, whole=True)
        load_start(context, start.net)
        context.engine.place(start)
        tables[scores_of("init")] = _probed(context, start)
    found = _answers(context, FINETUNE.file, context.dataset.test)
    table = tag_table(context.dataset, context.dataset.test)
    tuned = score_arm(context, FINETUNE)["finetune_map"]
    eleven = mean_average_precision(found, table.shown, table.difficult, eleven_point_precision)
    decisions = class_decisions(
        context.dataset.classes, found, _thresholds(context, FINETUNE.file),
        table.shown, table.difficult,
    )  # fmt: skip
    probed = _probed(context, load_pretrained(context)) if probes else {}
    by_chance = map_of_chance(table.shown, table.difficult)
    return {
        "scores": {**probed, "finetune_map": tuned},
        "finetune_map_11_points": eleven.to_dict(),
        "chance_map": Score(by_chance, by_chance, by_chance, len(found)).to_dict(),
        "labels": [asdict(one) for one in decisions],
        **tables,
        "closeness": {"near_copies": near_copies(context)},
    }


def score_arm(context: Context, stage: StageId) -> dict[str, Any]:
    """Score a classifier of the run, and keep its answers so that others are compared with it.

    Args:
        context: The run.
        stage: Which one.
    """
    found = _answers(context, stage.file, context.dataset.test)
    table = tag_table(context.dataset, context.dataset.test)
    packed = io.BytesIO()
    digests = [digest[:_LETTERS] for digest in context.dataset.test.digests]
    np.savez_compressed(
        packed, allow_pickle=False, chances=found.astype(np.float32), shown=table.shown,
        difficult=table.difficult, digests=np.array(digests),
    )  # fmt: skip
    context.run.write_bytes(answers_file(stage.file), packed.getvalue())
    return {"finetune_map": mean_average_precision(found, table.shown, table.difficult).to_dict()}


def several_difference(context: Context, stage: StageId) -> dict[str, float | int] | None:
    """Compare the mean average precision of ours with that of a baseline, paired.

    Args:
        context: The run.
        stage: The baseline's.

    Returns:
        ``value low high n`` in points, or None where the answers are not there any more.
    """
    both = [read_answers(context.run.path / answers_file(one.file)) for one in (FINETUNE, stage)]
    ours, theirs = both
    return None if ours is None or theirs is None else paired_map(ours, theirs)


def _answers(context: Context, name: str, split: Split) -> NDArray[np.float64]:
    return chances(context, load_classifier(context, name), split)


def _thresholds(context: Context, name: str) -> tuple[float, ...]:
    path = context.run.path / name
    return deployable_from(checkpoint.load(path), str(path)).thresholds


def _probed_random(context: Context) -> dict[str, Any]:
    """Score a random backbone with untouched and with recalibrated BN, and take the better."""
    untouched = new_backbone(context, stage=PRETRAIN, whole=False)
    context.engine.place(untouched)
    recalibrated = copy.deepcopy(untouched)
    recalibrate(context, recalibrated)
    found = [_probed(context, backbone) for backbone in (untouched, recalibrated)]
    return max(found, key=lambda scores: float(scores["linear_map"]["value"]))


def _probed(context: Context, backbone: Backbone) -> dict[str, Any]:
    """Score frozen features by one linear classifier for each class."""
    dataset, image = context.dataset, context.recipe.image
    features, tables = [], []
    for split in (bank_of(context), dataset.test):
        found = extract_features(
            backbone, context.images.pixels(split), image.mean, image.std, device=context.device
        )
        features.append(found.double().numpy())
        tables.append(tag_table(dataset, split))
    probe = fit_tag_probe(features[0], tables[0].targets)
    scores = probe.scores(features[1])
    score: Score = mean_average_precision(scores, tables[1].shown, tables[1].difficult)
    return {"linear_map": score.to_dict()}
