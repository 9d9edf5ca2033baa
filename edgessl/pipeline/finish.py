"""The end of a run: scores on ``test``, read once, the verdict, and the report."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from edgessl import __version__
from edgessl.metrics.cost import macs, params
from edgessl.pipeline.finetuning import load_classifier
from edgessl.pipeline.pretrain import load_pretrained
from edgessl.pipeline.scores import (
    as_values,
    score_classifier,
    score_features,
    score_random_features,
    score_thumbnails,
)
from edgessl.recipe.stages import pretrain_stages
from edgessl.report import write_report
from edgessl.report.folder import read_log
from edgessl.report.health import health
from edgessl.runs.stages import (
    BASELINES,
    EVALUATE,
    FINETUNE,
    PRETRAIN,
    REPORT,
    WARMUP,
    evaluated,
    scores_of,
)
from edgessl.train.place.context import Context, once
from edgessl.train.stage.timing import bottleneck


def verdict(report: dict[str, Any]) -> str:
    """Say whether self-supervision paid, from scores on ``test``.

    Args:
        report: ``report.json`` so far: ``data``, ``scores`` and, where there are any,
            ``scores_random``, ``scores_longer`` and the ``start`` of a fine-tuning.
    """
    scores = report.get("scores", {})
    if not scores and report["data"]["classes"]:
        return (
            "Fine-tuning is done; without test images there is nothing to score. "
            "Evaluate it on labelled images that it has not seen: edgessl eval."
        )
    if not scores:
        return (
            "Pretraining is done; without labels there is nothing to score. "
            "Fine-tune or evaluate it on labelled images to see what it is worth."
        )
    supervised = report.get("start", {}).get("supervised", False)
    subject = "Starting from this classifier" if supervised else "Self-supervision"
    if report.get("start", {}).get("weights"):
        subject = "Starting from these weights"
    longer, start = report.get("scores_longer", {}), report.get("scores_random", {})
    known = {
        "a random start fine-tuned for the same total time": longer.get("finetune_top1"),
        "a random start with the same fine-tuning": start.get("finetune_top1"),
    }
    rivals = {name: score for name, score in known.items() if score is not None}
    tuned = scores.get("finetune_top1")
    if tuned is None:
        rival = start.get("knn_top1")
        return _compare(subject, "kNN", scores["knn_top1"], rival, "random features")
    if rivals:
        name = max(rivals, key=lambda rival: float(rivals[rival]["value"]))
        return _compare(subject, "fine-tuned top-1", tuned, rivals[name], name)
    return f"Fine-tuned top-1 is {_percent(tuned)}; no baseline was trained to compare it with."


def _compare(
    subject: str, what: str, ours: dict[str, Any], theirs: dict[str, Any] | None, name: str
) -> str:
    if theirs is None:
        return f"{what} is {_percent(ours)}."
    gain = ours["value"] - theirs["value"]
    apart = ours["low"] > theirs["high"] or ours["high"] < theirs["low"]
    facts = f"{what} {_percent(ours)} against {_percent(theirs)} for {name} ({gain:+.1f} points)"
    if gain > 0 and apart:
        return f"{subject} pays here: {facts}; the 95 % intervals do not overlap."
    if gain > 0:
        return f"{subject} seems to help: {facts}; one seed, and the intervals overlap."
    if apart:
        return f"{subject} did not pay here: {facts}."
    return f"No difference is shown: {facts}; the intervals overlap."


def _percent(score: dict[str, Any]) -> str:
    return f"{score['value']:.1f} % [{score['low']:.1f}, {score['high']:.1f}]"


def score_run(context: Context, baselines: Collection[str]) -> dict[str, Any]:
    """Score features, classifier and baselines on ``test``, each once; nothing without one.

    Args:
        context: The run.
        baselines: Which of ``random`` and ``longer`` were fine-tuned.

    Returns:
        The score tables of ``report.json`` and the confusion matrix, as plain values.
    """
    if not len(context.dataset.test):
        return {}
    context.images.release()  # originals come now, as many bytes again
    found = once(context, EVALUATE, lambda: _score_own(context))
    for name in BASELINES:
        if name in baselines:
            # Apart from "evaluate", so that a baseline that is asked for later is scored too.
            score = once(context, evaluated(name), partial(_score_baseline, context, name))
            found[scores_of(name)] = {**found.get(scores_of(name), {}), **score}
    return found


def _score_own(context: Context) -> dict[str, Any]:
    context.reporter.say("Scoring on test.")
    scores = as_values(score_features(context, load_pretrained(context)))
    tuned, confusion = score_classifier(context, FINETUNE.file)
    return {
        "scores": {**scores, "finetune_top1": tuned.to_dict()},
        "confusion": confusion,
        "thumbnail_knn_top1": score_thumbnails(context).to_dict(),
        "scores_random": as_values(score_random_features(context)),
    }


def _score_baseline(context: Context, name: str) -> dict[str, Any]:
    score, _ = score_classifier(context, BASELINES[name].file)
    return {"finetune_top1": score.to_dict()}


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
    if dataset.classes:
        network = load_classifier(context, FINETUNE.file).backbone
    main = next(iter(stages.values()))
    report: dict[str, Any] = {
        "edgessl": __version__,
        "name": name,
        "command": command,
        "data": {
            "name": dataset.name,
            "classes": list(dataset.classes),
            "counts": {
                "train": len(dataset.train), "unlabeled": len(dataset.unlabeled),
                "val": len(dataset.val), "test": len(dataset.test),
            },
            "fingerprint": dataset.fingerprint,
            "notes": list(dataset.notes),
            "quarantined": len(dataset.quarantined),
        },
        "recipe": context.recipe.model_dump(mode="json", exclude_none=True),
        **facts,
        **health(read_log(run.path)),
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
        "model": {
            "params": params(network),
            "macs": macs(network, context.recipe.image.crop_px),
        },
        "device": run.read()["device"],
        "seed": context.seed,
    }
    report["verdict"] = verdict(report)
    report["next"] = _next(context)
    run.write_json("report.json", report)
    write_report(run.path)
    once(context, REPORT, lambda: {"done": True})


def _next(context: Context) -> str:
    """Return the command to go on with; only the folder of labels is left to fill in."""
    dataset, folder = context.dataset, context.run.path
    if dataset.classes or dataset.tags:
        return f"edgessl export {shlex.quote(str(folder / FINETUNE.file))} --onnx"
    return f"edgessl finetune {shlex.quote(str(folder / PRETRAIN.file))} --data LABELLED"


def _seconds(context: Context, stages: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Tell how long each stage took, the warm-up of a regrown last stage included."""
    warmup = context.run.read()["finished"].get(WARMUP.name)
    seconds: dict[str, float] = {}
    for stage, figures in stages.items():
        if stage == FINETUNE.name and warmup:
            seconds[WARMUP.name] = warmup["seconds"]
        seconds[stage] = figures["seconds"]
    return seconds


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
