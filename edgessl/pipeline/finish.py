"""The end of a run: scores on ``test``, read once, the verdict, and the report."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from edgessl import __version__, checkpoint
from edgessl.backbones import deployable_from
from edgessl.data.dataset import Dataset
from edgessl.data.reading import Reading
from edgessl.metrics.class_counts import ClassCounts
from edgessl.metrics.cost import macs, params
from edgessl.metrics.interval import Score
from edgessl.pipeline.closeness import closeness_in_words, near_copies
from edgessl.pipeline.compare.compared import OURS, compare_arms
from edgessl.pipeline.finetune.classifier import load_classifier
from edgessl.pipeline.pretrain import load_pretrained
from edgessl.pipeline.score.calibrated import calibration_facts
from edgessl.pipeline.score.majority import beside_majority, majority_facts
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
from edgessl.pipeline.verdict import verdict
from edgessl.recipe.stages import pretrain_stages
from edgessl.report import write_report
from edgessl.report.folder import read_log
from edgessl.report.health import health
from edgessl.report.pseudo_labels import pseudo_labels
from edgessl.runs import tested_on
from edgessl.runs.stages import (
    BASELINES,
    EVALUATE,
    FINETUNE,
    PRETRAIN,
    REPORT,
    SUPERVISED_FILE,
    WARMUP,
    evaluated,
    scores_of,
)
from edgessl.train.place.context import Context, once
from edgessl.train.stage.timing import bottleneck

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


def finish(
    context: Context,
    name: str,
    command: str,
    stages: Mapping[str, Mapping[str, Any]],
    facts: Mapping[str, Any],
) -> None:
    """Write ``report.json`` and ``report.html``.

    Args:
        context: The run.
        name: Title of the run.
        command: The command as typed.
        stages: Throughput of each training stage, in order; the first one's is the run's.
        facts: What else the report holds: scores, where there are any.
    """
    dataset, run = context.dataset, context.run
    network = load_pretrained(context)
    if dataset.classes and context.recipe.evaluate.finetunes:
        network = load_classifier(context, FINETUNE.file).backbone
    main, log = next(iter(stages.values())), [*read_log(run.path)]
    report: dict[str, Any] = {
        "edgessl": __version__,
        "name": name,
        "command": command,
        "data": {
            "name": dataset.name,
            "classes": list(dataset.classes),
            **({"several_labels": True} if dataset.tags else {}),
            "counts": {
                "train": len(dataset.train), "unlabeled": len(dataset.unlabeled),
                "val": len(dataset.val), "test": len(dataset.test),
            },
            "class_counts": _class_counts(dataset),
            "fingerprint": dataset.fingerprint,
            "notes": [*dataset.notes, *closeness_in_words(facts.get("closeness", {}))],
            "quarantined": len(dataset.quarantined),
        },
        "recipe": context.recipe.model_dump(mode="json", exclude_none=True),
        **facts,
        **majority_facts(dataset),
        **health(log),
        **pseudo_labels(log),
        "throughput": {
            "images_per_s": main["images_per_s"],
            "data_share": main["data_share"],
            "shares": {
                key.removesuffix("_share"): share
                for key, share in main.items()
                if key.endswith("_share") and key != "data_share"
            },
            "bottleneck": bottleneck(main, context.device.type),
            "seconds": _seconds(context, stages),
        },
        **_stages(context),
        **_kept(stages),
        "model": {
            "params": params(network),
            "macs": macs(network, context.recipe.image.crop_px),
            "last_stage": network.last_stage,
        },
        "device": run.read()["device"],
        "seed": context.seed,
    }
    report["verdict"] = beside_majority(verdict(report), report)
    report["next"] = _next(context)
    report["alternatives"] = _alternatives(context)
    if (test := dataset.test).labels is not None:
        images = tested_on.to_text(dataset.fingerprint, test.digests, test.labels, test.paths)
        run.write_text(tested_on.NAME, images)
    run.write_json("report.json", report)
    write_report(run.path)
    once(context, REPORT, lambda: {"done": True})


def _next(context: Context) -> str:
    """Return the command to go on with; only the folder of labels is left to fill in."""
    dataset, folder = context.dataset, context.run.path
    if dataset.classes and not context.recipe.evaluate.finetunes:
        start = shlex.quote(str(folder / PRETRAIN.file))
        reading = Reading.from_dict(context.run.read()["provenance"]).options()
        return f"edgessl finetune {start} --data {shlex.quote(dataset.source)}{reading}"
    if dataset.classes or dataset.tags:
        return f"edgessl export {shlex.quote(str(folder / FINETUNE.file))} --onnx"
    return f"edgessl finetune {shlex.quote(str(folder / PRETRAIN.file))} --data LABELLED"


def _alternatives(context: Context) -> list[str]:
    """Return other commands to go on with: a backbone without labels can be scored as it is."""
    dataset, folder = context.dataset, context.run.path
    score = f"edgessl eval {shlex.quote(str(folder / FINETUNE.file))} --data"
    if dataset.tags:
        return [f"{score} {shlex.quote(dataset.source)} --protocol map"]
    return [] if dataset.classes else [f"{score} LABELLED"]


def _seconds(context: Context, stages: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Tell how long each stage took, the warm-up of a regrown last stage included."""
    warmup = context.run.read()["finished"].get(WARMUP.name)
    seconds: dict[str, float] = {}
    for stage, figures in stages.items():
        if stage == FINETUNE.name and warmup:
            seconds[WARMUP.name] = warmup["seconds"]
        seconds[stage] = figures["seconds"]
    return seconds


def _class_counts(dataset: Dataset) -> dict[str, list[int]]:
    """Count the images of each class, in label order, in every split that has labels."""
    splits = (("train", dataset.train), ("val", dataset.val), ("test", dataset.test))
    return {
        name: list(ClassCounts.of(split.labels, dataset.classes).counts)
        for name, split in splits if split.labels
    }


def _kept(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Tell by stage which epoch of each classifier is scored, and how it was adjusted.

    Nothing of what an older edgessl trained.
    """
    found: dict[str, Any] = {}
    for name, facts in stages.items():
        for key in ("kept", "of_start", "adjusted"):
            if key in facts:
                found.setdefault(key, {})[name] = facts[key]
    return found


def _stages(context: Context) -> dict[str, Any]:
    """Tell what each stage of pretraining did, where there were several."""
    finished, stages = context.run.read()["finished"], pretrain_stages(context.recipe)
    if len(stages) == 1 or any(stage.name not in finished for stage in stages):
        return {}
    return {
        "stages": [
            {
                "name": stage.name, "epochs": stage.epochs, "batch_size": stage.batch_size,
                "views_px": [group.size_px for group in stage.views],
                "seconds": finished[stage.name]["seconds"],
                "images_per_s": finished[stage.name]["images_per_s"],
            }
            for stage in stages
        ]
    }  # fmt: skip
