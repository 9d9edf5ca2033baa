"""The score that judges a run: top-1, or mean average precision for several labels an image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOP1, MAP = "finetune_top1", "finetune_map"
AP50, MIOU = "ap50", "miou"
DENSE = (AP50, MIOU)
"""Of detectors and segmenters."""
WORDS = {TOP1: "top-1", MAP: "mAP", AP50: "AP50", MIOU: "mIoU"}
"""Names of it in ``scores`` of ``report.json``, and in sentences."""
PROBES = {TOP1: "linear_top1", MAP: "linear_map"}
"""Of each the score of linear classifiers on frozen features."""


def main_key(scores: Mapping[str, Any]) -> str:
    """Return the name of the score that is there; that of top-1 where none is.

    Args:
        scores: ``scores`` of ``report.json``, or of a baseline.
    """
    if scores.get(TOP1) is not None:
        return TOP1
    return next((key for key in (MAP, *DENSE) if scores.get(key) is not None), TOP1)


def answers_file(classifier: str) -> str:
    """Name the file with what a classifier of several labels an image answers on ``test``.

    Args:
        classifier: Its own file in the run folder.
    """
    return f"{classifier.removesuffix('.pt')}.answers.npz"
