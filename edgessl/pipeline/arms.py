"""The arms of a run that labels are for: ours and its baselines, each trained once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from edgessl.pipeline.finetuning import baseline_epochs, finetune_backbone, train_baseline
from edgessl.pipeline.pretrain import load_pretrained
from edgessl.runs.stages import FINETUNE, LONGER, PRETRAIN, RANDOM, WARMUP, StageId
from edgessl.train.place.context import Context, once
from edgessl.train.stage.timing import Meter

Trained = dict[str, dict[str, Any]]
"""Throughput of each training stage of a run, by its name, in the order of training."""


def train_arms(
    context: Context, trained: Trained, baselines: Collection[str], *, extendable: bool = False
) -> None:
    """Fine-tune the pretrained backbone, and the starts that it is compared with.

    Args:
        context: The run.
        trained: What was trained so far; gets the arms.
        baselines: Of ``random`` and ``longer``.
        extendable: Whether fine-tuning may be made longer later.
    """
    _train_once(
        context, trained, FINETUNE,
        lambda: finetune_backbone(context, load_pretrained(context), extendable=extendable),
    )  # fmt: skip
    if "random" in baselines:
        epochs = baseline_epochs(context)
        _train_once(context, trained, RANDOM, lambda: train_baseline(context, RANDOM, epochs))
    if "longer" in baselines:
        _train_once(context, trained, LONGER, lambda: _train_longer(context, trained))


def _train_once(
    context: Context, trained: Trained, stage: StageId, work: Callable[[], Meter]
) -> None:
    """Train a stage unless an earlier run of the same command has, and note its throughput."""
    trained[stage.name] = once(context, stage.name, lambda: dict(work().facts()))


def _train_longer(context: Context, trained: Trained) -> Meter:
    """Fine-tune a random start for as long as all stages of ours took together."""
    document = context.run.read()
    if "longer_epochs" not in document:
        ours = trained[PRETRAIN.name]["seconds"] + trained[FINETUNE.name]["seconds"]
        ours += document["finished"].get(WARMUP.name, {}).get("seconds", 0.0)
        rate = trained[FINETUNE.name]["images_per_s"]
        document["longer_epochs"] = max(1, round(ours * rate / len(context.dataset.train)))
        context.run.write(document)
    return train_baseline(context, LONGER, document["longer_epochs"])
