"""Scores of a dense network on ``test``, read once, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.dense.task import Finished, Judged, Task
from edgessl.dense.train import judge_test
from edgessl.dense.work import Work
from edgessl.metrics.cost import macs, params
from edgessl.metrics.interval import Score
from edgessl.runs.stages import StageId, draws_file
from edgessl.start.source import NONE

_WORDS = {"random": "random weights", "imagenet": "the weights of ImageNet"}


def score(work: Work[Task], stage: StageId) -> dict[str, Any]:
    """Score the checkpoint that a training left on ``test``; what was judged is kept.

    Args:
        work: The run.
        stage: The training.

    Returns:
        ``scores`` and all that the task says of them, as plain values.
    """
    judged = judge_test(work, stage, f"scoring {stage.name}")
    judged.save(_file(work, stage))
    np.save(work.place.run.path / draws_file(stage), judged.resampled())
    facts, judging = judged.facts(), work.task.judging
    own = Score(**facts["scores"][judging.figure])
    coco = f"; COCO AP {facts['coco']['ap']:.1f} %" if "coco" in facts else ""
    work.place.reporter.say(
        f"{stage.name}: {judging.words} {own.value:.1f} % ({own.low:.1f} to {own.high:.1f}) on "
        f"{own.n} test images{coco}."
    )
    return facts


def compare(
    work: Work[Task], init: str, scored: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]
) -> str:
    """Say in a sentence or two what a network reached, beside those of other starts.

    Args:
        work: The run.
        init: What it started from.
        scored: Its scores.
        others: Those of each arm.

    Returns:
        With intervals of differences over the same resampled images.
    """
    task = work.task
    figure, words = task.judging.figure, task.judging.words
    own = Score(**scored["scores"][figure])
    told = [
        f"{words} {own.value:.1f} % (95 % interval {own.low:.1f} to {own.high:.1f}) on {own.n} "
        f"test images, from {'random weights' if init == NONE else init}."
    ]
    ours = _kept(work, task.stage).resampled() if others else np.zeros(0)
    for name, one in others.items():
        theirs = Score(**one["scores"][figure])
        gains = ours - _kept(work, task.arms[name]).resampled()
        low, high = np.percentile(gains, [2.5, 97.5])
        apart = "better than" if low > 0 else "worse than"
        word = apart if low > 0 or high < 0 else "not shown to differ from"
        told.append(
            f"That is {word} the same {task.word} from {_WORDS[name]} ({theirs.value:.1f} %): "
            f"{own.value - theirs.value:+.1f} points ({low:+.1f} to {high:+.1f}), one seed."
        )
    if not others:
        told.append("No other start was trained beside it; --baselines random trains one.")
    return " ".join(told)


def network_facts(backbone: str, finished: Finished) -> dict[str, Any]:
    """Return size and cost of a network as plain values."""
    side = finished.square.input_px
    return {
        "backbone": backbone, "params": params(finished.module),
        "macs": macs(finished.module, side), "input_px": side, **finished.facts(),
    }  # fmt: skip


def _file(work: Work[Task], stage: StageId) -> Path:
    return work.place.run.path / "state" / f"{stage.name}-{work.task.judging.kept}"


def _kept(work: Work[Task], stage: StageId) -> Judged:
    """Return what was judged of a training; judged again where that is gone."""
    path = _file(work, stage)
    if not path.is_file():
        judge_test(work, stage, f"scoring {stage.name} again").save(path)
    return work.task.judging.load(path, work.images.test, work.images.classes)
