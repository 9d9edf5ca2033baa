"""What ``report.json`` holds of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgessl import __version__
from edgessl.backbones import Backbone
from edgessl.data.dataset import Dataset
from edgessl.metrics.class_counts import ClassCounts
from edgessl.metrics.cost import macs, params
from edgessl.pipeline.closeness import closeness_in_words
from edgessl.pipeline.finetune.classifier import load_classifier
from edgessl.pipeline.next_commands import next_commands
from edgessl.pipeline.pretrain import load_pretrained
from edgessl.pipeline.score.majority import beside_majority, majority_facts
from edgessl.pipeline.verdict import verdict
from edgessl.recipe.stages import pretrain_stages
from edgessl.report.folder import read_log
from edgessl.report.health import health
from edgessl.report.pseudo_labels import pseudo_labels
from edgessl.runs.stages import FINETUNE, SEMI_CHOICE, WARMUP
from edgessl.train.place.context import Context
from edgessl.train.stage.timing import bottleneck

Stages = Mapping[str, Mapping[str, Any]]
"""Throughput of each training stage, in order; the first one's is the run's."""


def report_document(
    context: Context, name: str, command: str, stages: Stages, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the report of a run as plain values.

    Args:
        context: The run, all of whose stages are done.
        name: Title of the run.
        command: The command as typed.
        stages: Of training.
        facts: What else the report holds: scores, where there are any.
    """
    log, commands = [*read_log(context.run.path)], next_commands(context)
    report: dict[str, Any] = {
        "edgessl": __version__,
        "name": name,
        "command": command,
        "data": _data(context.dataset, facts.get("closeness", {})),
        "recipe": context.recipe.model_dump(mode="json", exclude_none=True),
        **facts,
        **majority_facts(context.dataset),
        **health(log),
        **pseudo_labels(log),
        **_semi_choice(context),
        "throughput": _throughput(context, stages),
        **_stages(context),
        **_kept(stages),
        "model": _model(_network(context), context.recipe.image.crop_px),
        "device": context.run.read()["device"],
        "seed": context.seed,
    }
    return {
        **report, "verdict": beside_majority(verdict(report), report), "next": commands.next,
        "alternatives": commands.alternatives,
    }  # fmt: skip


def _data(dataset: Dataset, closeness: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "classes": list(dataset.classes),
        **({"several_labels": True} if dataset.tags else {}),
        "counts": {
            "train": len(dataset.train), "unlabeled": len(dataset.unlabeled),
            "val": len(dataset.val), "test": len(dataset.test),
        },
        "class_counts": _class_counts(dataset),
        "fingerprint": dataset.fingerprint,
        "notes": [*dataset.notes, *closeness_in_words(closeness)],
        "quarantined": len(dataset.quarantined),
    }  # fmt: skip


def _class_counts(dataset: Dataset) -> dict[str, list[int]]:
    """Count the images of each class, in label order, in every split that has labels."""
    splits = (("train", dataset.train), ("val", dataset.val), ("test", dataset.test))
    return {
        name: list(ClassCounts.of(split.labels, dataset.classes).counts)
        for name, split in splits if split.labels
    }


def _network(context: Context) -> Backbone:
    """Return the backbone that the run is for: the fine-tuned one, if there is one."""
    pretrained = load_pretrained(context)
    if context.dataset.classes and context.recipe.evaluate.finetunes:
        return load_classifier(context, FINETUNE.file).backbone
    return pretrained


def _model(network: Backbone, image_px: int) -> dict[str, Any]:
    return {
        "params": params(network),
        "macs": macs(network, image_px),
        "last_stage": network.last_stage,
    }


def _throughput(context: Context, stages: Stages) -> dict[str, Any]:
    """Tell how fast the first stage was, and how long each took."""
    main = next(iter(stages.values()))
    return {
        "images_per_s": main["images_per_s"],
        "data_share": main["data_share"],
        "shares": {
            key.removesuffix("_share"): share
            for key, share in main.items()
            if key.endswith("_share") and key != "data_share"
        },
        "bottleneck": bottleneck(main, context.device.type),
        "seconds": _seconds(context, stages),
    }


def _seconds(context: Context, stages: Stages) -> dict[str, float]:
    """Tell how long each stage took, the warm-up of a regrown last stage included."""
    warmup = context.run.read()["finished"].get(WARMUP.name)
    seconds: dict[str, float] = {}
    for stage, figures in stages.items():
        if stage == FINETUNE.name and warmup:
            seconds[WARMUP.name] = warmup["seconds"]
        seconds[stage] = figures["seconds"]
    return seconds


def _kept(stages: Stages) -> dict[str, Any]:
    """Tell by stage which epoch of each classifier is scored, and how it was adjusted.

    Nothing of what an older edgessl trained.
    """
    found: dict[str, Any] = {}
    for name, facts in stages.items():
        for key in ("kept", "of_start", "adjusted"):
            if key in facts:
                found.setdefault(key, {})[name] = facts[key]
    return found


def _semi_choice(context: Context) -> dict[str, Any]:
    """Tell what val said of images without label, where they were tried."""
    choice = context.run.read()["finished"].get(SEMI_CHOICE)
    return {"semi_trial": choice} if choice else {}


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
