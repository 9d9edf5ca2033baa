"""What a study asks of each of its runs."""

from __future__ import annotations

from pathlib import Path

from edgessl.pipeline.asked import Asked as AskedOfRun
from edgessl.pipeline.finetune.asked import Asked as AskedOfFinetuning
from edgessl.pipeline.study.asked import Asked
from edgessl.pipeline.study.job import Pretraining, Tuning
from edgessl.pipeline.study.weights import random_network
from edgessl.start.source import NONE

_COMMAND = "edgessl study"


def pretraining_of(one: Pretraining, asked: Asked, runs: Path) -> AskedOfRun:
    """Ask for a run that pretrains.

    Args:
        one: Which.
        asked: How the study is run.
        runs: The folder of its runs.
    """
    return AskedOfRun(
        one.recipe, one.data, epochs=one.epochs, size=asked.size, out=runs / one.folder,
        seed=asked.seed, device=asked.device, baselines=("none",), overrides=one.overrides,
        compiled=asked.compiled, command=_COMMAND, init=one.init,
    )  # fmt: skip


def tuning_of(one: Tuning, asked: Asked, runs: Path) -> AskedOfFinetuning:
    """Ask for a fine-tuning.

    Args:
        one: Which.
        asked: How the study is run.
        runs: The folder of its runs.
    """
    start = one.start if isinstance(one.start, str) else runs / one.start.folder / one.file
    if start == NONE:
        start = random_network(one.recipe, one.overrides, asked.size, asked.seed, runs)
    return AskedOfFinetuning(
        str(start), one.data, recipe=one.recipe, label_percent=one.label_percent,
        labels_per_class=one.labels_per_class, size=asked.size, out=runs / one.folder,
        seed=asked.seed, device=asked.device, baselines=("none",), overrides=one.overrides,
        compiled=asked.compiled, command=_COMMAND,
    )  # fmt: skip


def whole_run_of(one: Tuning, asked: Asked, runs: Path) -> AskedOfRun:
    """Ask for a run that does the same fine-tuning after a pretraining, to be measured only.

    Args:
        one: Which fine-tuning.
        asked: How the study is run.
        runs: The folder of its runs.
    """
    return AskedOfRun(
        one.recipe, one.data, label_percent=one.label_percent,
        labels_per_class=one.labels_per_class, size=asked.size, out=runs / f"{one.folder}-plan",
        seed=asked.seed, device=asked.device, baselines=("none",), overrides=one.overrides,
        compiled=asked.compiled, command=_COMMAND,
    )  # fmt: skip
