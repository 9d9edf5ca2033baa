"""Every score of a run on ``test``, each computed once and kept in run.json."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from edgessl import checkpoint
from edgessl.backbones import deployable_from
from edgessl.metrics.interval import Score
from edgessl.pipeline.closeness import closeness_in_words, near_copies
from edgessl.pipeline.compare.compared import OURS, compare_arms
from edgessl.pipeline.pretrain import load_pretrained
from edgessl.pipeline.score.calibrated import calibration_facts
from edgessl.pipeline.score.scores import (
    MOST,
    ClassifierScore,
    as_values,
    score_classifier,
    score_features,
    score_random_features,
    score_start_features,
    score_thumbnails,
)
from edgessl.pipeline.score.scores_several import score_arm, score_own_several
from edgessl.runs.stages import (
    BASELINES,
    EVALUATE,
    FINETUNE,
    SUPERVISED_FILE,
    evaluated,
    scores_of,
)
from edgessl.train.place.context import Context, once

RIGHT = "right"
"""What run.json calls the test images that a classifier gets right."""


def score_run(
    context: Context, baselines: Collection[str], init: str = "none"
) -> dict[str, Any]:
    """Score features, classifier and baselines on ``test``, each once; nothing without one.

    Args:
        context: The run.
        baselines: Which of ``BASELINES`` were fine-tuned.
        init: The weights that it started from; ``none`` for random ones.

    Returns:
        The score tables of ``report.json``, the confusion matrix, and what is to be told of the
        arms, as plain values.
    """
    if not len(context.dataset.test) or not context.recipe.evaluate.protocols:
        return {}
    if context.dataset.tags and not context.recipe.evaluate.finetunes:
        return {}  # a backbone and several labels an image: edgessl eval --protocol map scores it
    context.images.release()  # originals come now, as many bytes again
    found = once(context, EVALUATE, lambda: _score_own(context, init))
    right = {OURS: found.pop(RIGHT)} if RIGHT in found else {}
    for name in BASELINES:
        if name in baselines:
            # Apart from "evaluate", so that a baseline that is asked for later is scored too.
            score = once(context, evaluated(name), partial(_score_baseline, context, name))
            right[name] = score.pop(RIGHT, "")
            found[scores_of(name)] = {**found.get(scores_of(name), {}), **score}
    for sentence in closeness_in_words(found.get("closeness", {})):
        context.reporter.say(sentence)
    if context.recipe.evaluate.finetunes:
        found["arms"] = compare_arms(context, right, init)
    return found


def _score_own(context: Context, init: str) -> dict[str, Any]:
    if context.dataset.tags:
        return score_own_several(context, init)
    context.reporter.say("Scoring on test.")
    protocols, test = context.recipe.evaluate.protocols, None
    if len(context.dataset.train) > MOST:
        context.reporter.say(
            f"Features and raw pixels are scored against {MOST} of the "
            f"{len(context.dataset.train)} training images, drawn at random."
        )
    scores = as_values(score_features(context, load_pretrained(context)))
    found: dict[str, Any] = {"scores": {**scores, **_own_classifier(context)}}
    if "finetune" in protocols:
        tuned = score_classifier(context, FINETUNE.file)
        test = tuned.score
        found["scores"] |= tuned.to_dict()
        found |= {
            "calibration": _calibration(context, tuned), "confusion": tuned.confusion,
            RIGHT: tuned.right,
        }  # fmt: skip
    if "pixels" in protocols:
        found["thumbnail_knn_top1"] = score_thumbnails(context).to_dict()
        found["closeness"] = _closeness(context, test)
    if "random" in protocols:
        found["scores_random"] = as_values(score_random_features(context))
    if init != "none":
        found[scores_of("init")] = as_values(score_start_features(context))
    return found


def _calibration(context: Context, tuned: ClassifierScore) -> dict[str, Any]:
    """Tell how far the exported classifier's probabilities are from how often it is right."""
    path = context.run.path / FINETUNE.file
    fitted = deployable_from(checkpoint.load(path), str(path)).calibration
    outputs = tuned.outputs
    return calibration_facts(fitted, outputs.outputs.numpy(), outputs.labels.numpy())


def _own_classifier(context: Context) -> dict[str, Any]:
    """Score the classifier of supervised pretraining, if it tells the classes of ``test`` apart."""
    lesson = context.dataset.lesson
    if lesson is None or lesson.classes != context.dataset.classes:
        return {}
    found = score_classifier(context, SUPERVISED_FILE)
    return {"supervised_top1": found.score.to_dict()}


def _closeness(context: Context, test: Score | None) -> dict[str, Any]:
    """Tell how close val and test are to train, in figures."""
    if test is None:
        return {"near_copies": near_copies(context), "finetune_top1": {}}
    scores = {"test": test}
    if len(context.dataset.val):
        scores["val"] = score_classifier(context, FINETUNE.file, context.dataset.val).score
    return {"near_copies": near_copies(context), "finetune_top1": as_values(scores)}


def _score_baseline(context: Context, name: str) -> dict[str, Any]:
    if context.dataset.tags:
        return score_arm(context, BASELINES[name])
    found = score_classifier(context, BASELINES[name].file)
    return {**found.to_dict(), RIGHT: found.right}
