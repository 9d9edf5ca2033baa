"""The arms of a run that labels are for: ours and its baselines, each trained once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from edgessl.errors import UserError
from edgessl.pipeline.finetune.finetuning import baseline_epochs, finetune_backbone, train_baseline
from edgessl.pipeline.finetune.semi import images_an_epoch
from edgessl.pipeline.finetune.semi_choice import choose, try_unlabelled
from edgessl.pipeline.finetune.semi_trial import trial_in_words, trial_of
from edgessl.pipeline.pretrain import load_pretrained
from edgessl.runs.stages import (
    BASELINES,
    FINETUNE,
    FROM_WEIGHTS,
    PRETRAIN,
    SEMI,
    SEMI_CHOICE,
    WARMUP,
    WHOLE_TIME,
    StageId,
)
from edgessl.train.place.context import Context, once

Trained = dict[str, dict[str, Any]]
"""Throughput of each training stage of a run, and which epoch a classifier was kept at, by its
name, in the order of training."""


def train_arms(
    context: Context,
    trained: Trained,
    baselines: Collection[str],
    *,
    extendable: bool = False,
) -> None:
    """Fine-tune the pretrained backbone, and the starts that it is compared with.

    Args:
        context: The run.
        trained: What was trained so far; gets the arms.
        baselines: Of ``BASELINES``.
        extendable: Whether fine-tuning may be made longer later.
    """
    _train_once(
        context, trained, FINETUNE,
        lambda: finetune_backbone(context, load_pretrained(context), extendable=extendable),
    )  # fmt: skip
    _try_unlabelled(context, trained)
    for name, stage in BASELINES.items():
        if name in baselines:
            epochs = _epochs_of(context, name, trained)
            work = partial(train_baseline, context, stage, epochs)
            _train_once(context, trained, stage, work)


def _try_unlabelled(context: Context, trained: Trained) -> None:
    """Let images without label take part where few have one, and keep what val prefers."""
    about = context.recipe, context.dataset, context.world
    trial = trial_of(*about)
    if trial is None:
        if told := trial_in_words(*about):
            context.reporter.say(told)
        return
    _train_once(context, trained, SEMI, lambda: try_unlabelled(context, trial))
    once(context, SEMI_CHOICE, lambda: choose(context, trial))


def _train_once(
    context: Context, trained: Trained, stage: StageId, work: Callable[[], dict[str, Any]]
) -> None:
    """Train a stage unless an earlier run of the same command has, and note what it left."""
    trained[stage.name] = once(context, stage.name, work)


def _epochs_of(context: Context, baseline: str, trained: Trained) -> int:
    """Return the epochs of a baseline: as many as ours had, or as fit into all of our time."""
    if baseline not in WHOLE_TIME:
        return baseline_epochs(context)
    document = context.run.read()
    if "longer_epochs" not in document:
        ours = trained[PRETRAIN.name]["seconds"] + trained[FINETUNE.name]["seconds"]
        ours += document["finished"].get(WARMUP.name, {}).get("seconds", 0.0)
        ours += document["finished"].get(SEMI.name, {}).get("seconds", 0.0)
        rate = trained[FINETUNE.name]["images_per_s"]
        seen = len(context.dataset.train) * images_an_epoch(context)
        document["longer_epochs"] = max(1, round(ours * rate / seen))
        context.run.write(document)
    return int(document["longer_epochs"])


def default_baselines(init: str) -> tuple[str, ...]:
    """Return what a run is compared with unless its user says otherwise.

    Args:
        init: The weights it starts from, or ``none``: whoever has weights would fine-tune them.
    """
    return ("random",) if init == "none" else FROM_WEIGHTS


def refuse_startless(baselines: Collection[str], init: str) -> None:
    """Refuse baselines that start from weights where there are none.

    Args:
        baselines: What the user wants beside the run.
        init: ``--init``.

    Raises:
        UserError: One is to start from the weights of ``--init none``.
    """
    asked = [name for name in FROM_WEIGHTS if name in baselines]
    if asked and init == "none":
        raise UserError(
            f"--baselines: {' and '.join(asked)} must come with weights to start from, got --init "
            "none; pass --init FILE or timm:NAME, or take random and longer"
        )
