"""One arm of a run trained to its end: its classifier watched on ``val``, chosen, and kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import Classifier, deployable_payload
from edgessl.methods.classification import Supervised
from edgessl.methods.semi.semi_supervised import SemiSupervised
from edgessl.metrics.calibration import Temperature
from edgessl.metrics.class_counts import ClassCounts
from edgessl.pipeline.finetune.balance_on_val import Adjustment, choose_adjustment, fold
from edgessl.pipeline.finetune.between import keep_best_share
from edgessl.pipeline.finetune.val_watch import ValWatch, val_logits
from edgessl.pipeline.score.calibrated import calibrate
from edgessl.pipeline.score.thresholds import thresholds_of
from edgessl.runs.stages import FINETUNE, LAST_FILE, OURS
from edgessl.train import TrainingData
from edgessl.train.health.told import Watcher
from edgessl.train.place.context import Context
from edgessl.train.stage.best_epoch import BestEpoch, Kept
from edgessl.train.stage.stage import Stage
from edgessl.train.stage.train_stage import train_stage


def train_classifier(
    context: Context,
    stage: Stage,
    method: Supervised | SemiSupervised,
    start: Mapping[str, Tensor],
    *,
    network: Classifier | None = None,
    data: TrainingData | None = None,
    doctor: Watcher | None = None,
    shares: tuple[float, ...] | None = None,
) -> dict[str, Any]:
    """Train a classifier, and write the epoch of it that is kept.

    Args:
        context: The run.
        stage: What is trained; its file gets the classifier.
        method: The classifier, with the weights that the stage starts from.
        start: Weights of which the network that is kept may have a share; empty for none.
        network: What is scored and kept; None for what is trained.
        data: Images; None for the labelled ones.
        doctor: Watches the stage.
        shares: Those that it may have; None for the recipe's ``start_shares``.

    Returns:
        Throughput, which epoch is ``kept``, which share ``of_start`` the network
        has, where that was chosen, and how its classifier was ``adjusted`` to unequal
        classes, if that was asked for, as plain values.
    """
    table, network = context.recipe.finetune, network or method.classifier
    choice = BestEpoch(
        network, stage.epochs, keeps_best=table.keep == "best", patience=table.patience
    )
    watch = None
    if len(context.dataset.val):
        watch = ValWatch(context, network, stage.epochs, choice)
    meter = train_stage(
        context, stage, method, method, data or context.images.labelled(), watch, doctor,
        choice=choice,
    )
    kept = choice.choose()
    if table.keep == "best":
        context.reporter.say(_in_words(stage, kept))
    if kept.weights is not None:
        if stage.what.last:
            save_classifier(context, network, stage.what.last)
        network.load_state_dict(kept.weights)
    elif stage.what.last:
        (context.run.path / stage.what.last).unlink(missing_ok=True)  # of a shorter run
    mixed = {}
    if start:
        share = keep_best_share(context, network, start, shares or table.start_shares)
        arm = "" if stage.what == FINETUNE else f"{stage.name}: "
        context.reporter.say(f"{arm}{share.sentence}")
        mixed = {"of_start": share.to_dict()}
    adjusted = _adjust(context, stage, network) if table.balance == "auto" else {}
    thresholds = thresholds_of(context, network)
    # Baselines answer with what they learned: they are scored by their best class alone.
    fits = stage.what in OURS and not context.dataset.tags
    calibration = calibrate(context, network) if fits else None
    save_classifier(context, network, stage.what.file, thresholds, calibration)
    return {**meter.facts(), "kept": kept.to_dict(), **mixed, **adjusted}


def save_classifier(
    context: Context, classifier: Classifier, name: str, thresholds: tuple[float, ...] = (),
    calibration: Temperature | None = None,
) -> None:
    """Write a classifier that ``edgessl export`` reads.

    Args:
        context: The run.
        classifier: The network.
        name: Of the file in the run folder.
        thresholds: Of its classes, where images may have several labels.
        calibration: Its temperature, where they have one.
    """
    payload = deployable_payload(
        classifier,
        classes=context.dataset.classes,
        preprocess=context.images.preprocess.to_dict(),
        provenance=dict(context.run.read().get("provenance", {})),
        thresholds=thresholds,
        calibration=calibration.to_dict() if calibration else None,
    )
    checkpoint.save(context.run.path / name, payload)


def _adjust(context: Context, stage: Stage, classifier: Classifier) -> dict[str, Any]:
    """Adjust a classifier to unequal classes as far as that helps on ``val``, and say it."""
    dataset = context.dataset
    counts = ClassCounts.of(dataset.train.labels or (), dataset.classes)
    if len(dataset.val):
        found = choose_adjustment(*val_logits(context, classifier), counts)
    else:
        found = Adjustment(0.0, "there are no val images to choose on")
    if found.tau:
        fold(classifier, found.tau, counts)
    done = f"logits are adjusted with tau = {found.tau:g}" if found.tau else "nothing is adjusted"
    context.reporter.say(f"{stage.name}, finetune.balance = auto: {done}: {found.why}.")
    return {"adjusted": found.to_dict()}


def _in_words(stage: Stage, kept: Kept) -> str:
    stopped = kept.last < kept.epochs
    which = "the last epoch" if kept.weights is None else f"epoch {kept.epoch} of {kept.last}"
    ended = f"ended after epoch {kept.last} of {kept.epochs} (finetune.patience); " * stopped
    beside = f"; {LAST_FILE} has the last" if stage.what == FINETUNE and kept.weights else ""
    return f"{stage.name}: {ended}{which} is kept: {kept.why}{beside}."
