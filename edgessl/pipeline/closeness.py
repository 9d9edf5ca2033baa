"""How close ``val`` and ``test`` are to train: what is chosen on close ones may not carry over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgessl.metrics.near_copies import count_near_rows
from edgessl.pipeline.score.scores import bank_of, thumbnails_of
from edgessl.train.place.context import Context


def near_copies(context: Context) -> dict[str, int]:
    """Count the images of ``val`` and of ``test`` that look nearly the same as one of train.

    Args:
        context: The run.
    """
    dataset, bank = context.dataset, thumbnails_of(context, bank_of(context))
    return {
        name: count_near_rows(thumbnails_of(context, split), bank)
        for name, split in (("val", dataset.val), ("test", dataset.test)) if len(split)
    }  # fmt: skip


def closeness_in_words(closeness: Mapping[str, Any]) -> list[str]:
    """Say what that means; nothing where neither split is close to train.

    Args:
        closeness: ``near_copies`` by split, and ``finetune_top1`` on ``val`` and on ``test``, where
            they are known.
    """
    said = []
    found = {name: count for name, count in closeness.get("near_copies", {}).items() if count}
    if found:
        what = " and ".join(f"{count} image(s) of {name}" for name, count in found.items())
        said.append(
            f"{what} look nearly the same as one of train (thumbnails correlate by 0.97 or more): "
            f"scores on {' and '.join(found)} flatter. {_WAY_OUT}"
        )
    tops = closeness.get("finetune_top1", {})
    val, test = tops.get("val"), tops.get("test")
    if val and test and val["low"] > test["high"]:
        said.append(
            f"val is easier than test: {_percent(val)} against {_percent(test)} for the classifier "
            "that is exported. It may have near twins of train, such as photographs of one scene, "
            f"so what is better on val need not be better on test. {_WAY_OUT}"
        )
    return said


_WAY_OUT = "Hold whole folders or groups out with --val-group."


def _percent(score: Mapping[str, Any]) -> str:
    return f"{score['value']:.1f} % [{score['low']:.1f}, {score['high']:.1f}]"
