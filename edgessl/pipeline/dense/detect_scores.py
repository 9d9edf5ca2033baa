"""Scores of a detector on ``test``, read once, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgessl.dense.detection.found import Found
from edgessl.dense.detection.score import score
from edgessl.dense.detection.train import Work, find_in, load_detector_of
from edgessl.dense.detection.voc_ap import Matches, interval, match_class, resampled
from edgessl.metrics.cost import macs, params
from edgessl.metrics.interval import Score
from edgessl.runs.stages import DETECT, DETECT_ARMS, StageId

_WORDS = {"random": "random weights", "imagenet": "the weights of ImageNet"}


def score_detector(work: Work, stage: StageId) -> dict[str, Any]:
    """Score the checkpoint that a training left on ``test``.

    Args:
        work: The run.
        stage: The training.

    Returns:
        Plain values: ``scores``, ``voc``, ``coco``, ``classes``, ``sizes``; what it told of each
        image is kept beside its states.
    """
    detector = load_detector_of(work, stage)
    found = find_in(work, detector, work.boxes.test, f"scoring {stage.name}")
    _keep(work, stage, found)
    facts = score(found, work.boxes.test, work.boxes.classes).facts
    ap50 = Score(**facts["scores"]["ap50"])
    work.place.reporter.say(
        f"{stage.name}: AP50 {ap50.value:.1f} % ({ap50.low:.1f} to {ap50.high:.1f}) on {ap50.n} "
        f"test images; COCO AP {facts['coco']['ap']:.1f} %."
    )
    return facts


def _file(work: Work, stage: StageId) -> Path:
    return work.place.run.path / "state" / f"{stage.name}-found.npz"


def _keep(work: Work, stage: StageId, found: list[Found]) -> None:
    counts = np.array([len(one.scores) for one in found], np.int64)
    boxes, scores, labels = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("boxes", "scores", "labels")
    )
    with _file(work, stage).open("wb") as file:
        np.savez_compressed(file, counts=counts, boxes=boxes, scores=scores, labels=labels)


def kept(work: Work, stage: StageId) -> list[Found]:
    """Return what a detector told of the test images; found again where that is gone."""
    path = _file(work, stage)
    if not path.is_file():
        found = find_in(work, load_detector_of(work, stage), work.boxes.test, "scoring again")
        _keep(work, stage, found)
    return read_kept(path)


def read_kept(path: Path) -> list[Found]:
    """Return what a detector told of the test images, from the file that ``kept`` reads."""
    with np.load(path, allow_pickle=False) as file:
        ends = np.cumsum(file["counts"])[:-1]
        parts = [np.split(file[name], ends) for name in ("boxes", "scores", "labels")]
    return [Found(*one) for one in zip(*parts, strict=True)]


def _matches(work: Work, stage: StageId) -> list[Matches]:
    found = kept(work, stage)
    return [match_class(found, work.boxes.test, i) for i in range(len(work.boxes.classes))]


def compare_detectors(
    work: Work, init: str, scored: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]
) -> str:
    """Say in a sentence or two what a detector reached, beside those of other starts.

    Args:
        work: The run.
        init: What it started from.
        scored: Its scores.
        others: Those of each arm.

    Returns:
        With intervals of differences over the same resampled images.
    """
    own = Score(**scored["scores"]["ap50"])
    told = [
        f"AP50 {own.value:.1f} % (95 % interval {own.low:.1f} to {own.high:.1f}) on {own.n} test "
        f"images, from {'random weights' if init == 'none' else init}."
    ]
    ours = resampled(_matches(work, DETECT)) if others else np.zeros(0)
    for name, one in others.items():
        theirs = Score(**one["scores"]["ap50"])
        low, high = (100 * end for end in interval(
            ours - resampled(_matches(work, DETECT_ARMS[name]))
        ))  # fmt: skip
        gain = own.value - theirs.value
        if low > 0:
            word = "better than"
        elif high < 0:
            word = "worse than"
        else:
            word = "not shown to differ from"
        told.append(
            f"That is {word} the same detector from {_WORDS[name]} ({theirs.value:.1f} %): "
            f"{gain:+.1f} points ({low:+.1f} to {high:+.1f}), one seed."
        )
    if not others:
        told.append("No other start was trained beside it; --baselines random trains one.")
    return " ".join(told)


def detector_facts(work: Work) -> dict[str, Any]:
    """Return size and cost of the detector as plain values."""
    module = load_detector_of(work, DETECT).module
    side = work.recipe.image.input_px
    return {
        "backbone": work.recipe.backbone.name,
        "params": params(module),
        "macs": macs(module, side),
        "input_px": side,
        "default_boxes": len(module.detector.anchors),
    }
