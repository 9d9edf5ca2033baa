"""A semi-supervised finish tried beside fine-tuning on labels alone, and which of them is kept.

Either can be killed at any place: until the choice is on record, ``LABELS_ALONE`` and ``SEMI`` both
lie in the run folder, and it is made again from them.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from edgessl.files import atomic_path
from edgessl.pipeline.finetune.classifier import load_classifier
from edgessl.pipeline.finetune.finetuning import train_trial
from edgessl.pipeline.finetune.semi_trial import Trial
from edgessl.pipeline.finetune.val_watch import val_logits
from edgessl.report.pseudo_labels import semi_choice_in_words
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import FINETUNE, LABELS_ALONE, SEMI, StageId
from edgessl.train.place.context import Context


@dataclass(frozen=True, slots=True)
class SemiChoice:
    """What ``val`` said of a semi-supervised finish.

    Attributes:
        name: Which finish.
        kept: Whether it is what the run leaves.
        val_top1: What it gets right of ``val``, in percent.
        labels_alone_top1: What fine-tuning on labels alone gets right of the same images.
        n: Those images.
        labelled: Training images with a label.
        unlabelled: Those without.
    """

    name: str
    kept: bool
    val_top1: float
    labels_alone_top1: float
    n: int
    labelled: int
    unlabelled: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def try_unlabelled(context: Context, trial: Trial) -> dict[str, Any]:
    """Train the finish, and keep what labels alone have left beside it.

    Args:
        context: The run, whose ``ckpt.pt`` is of labels alone.
        trial: What is tried.

    Returns:
        As ``train_classifier``.
    """
    context.reporter.say(trial.sentence)
    _take(context.run, FINETUNE, LABELS_ALONE)
    return train_trial(context, trial)


def choose(context: Context, trial: Trial) -> dict[str, Any]:
    """Make ``ckpt.pt`` what ``val`` prefers: labels alone, unless the other gets more right.

    Args:
        context: The run, with both.
        trial: What was tried.

    Returns:
        ``SemiChoice`` as plain values.
    """
    with_others, alone = (_right(context, one) for one in (SEMI, LABELS_ALONE))
    kept = bool(with_others.sum() > alone.sum())
    choice = SemiChoice(
        trial.table.name, kept, _percent(with_others), _percent(alone), len(alone),
        trial.labelled, trial.unlabelled,
    )  # fmt: skip
    _take(context.run, SEMI if kept else LABELS_ALONE, FINETUNE)
    found = choice.to_dict()
    context.reporter.say(semi_choice_in_words(found))
    return found


def _right(context: Context, stage: StageId) -> Tensor:
    """Return which images of ``val`` a classifier gets right, ``(N,)`` bool."""
    logits, labels = val_logits(context, load_classifier(context, stage.file))
    return logits.argmax(dim=1) == labels


def _percent(right: Tensor) -> float:
    return round(100.0 * int(right.sum()) / len(right), 2)


def _take(run: RunFolder, one: StageId, place: StageId) -> None:
    """Put the classifier of a stage, and that of its last epoch, where another's are."""
    for source, target in ((one.file, place.file), (one.last, place.last)):
        if (run.path / source).is_file():
            with atomic_path(run.path / target) as temporary:
                shutil.copyfile(run.path / source, temporary)
        else:
            (run.path / target).unlink(missing_ok=True)
