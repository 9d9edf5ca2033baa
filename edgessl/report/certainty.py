"""What the probabilities of a run's classifier are worth, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def certainty_in_words(report: Mapping[str, Any]) -> str:
    """Tell the calibration error on ``test``, and what the temperature did for it.

    Args:
        report: ``report.json``.

    Returns:
        A sentence or two; nothing where it was not measured, or the report is damaged.
    """
    found = report.get("calibration")
    if not isinstance(found, Mapping):
        return ""
    try:
        after, before = found["ece"], found["ece_uncalibrated"]
        told = (
            f"Expected calibration error on test: {after['value']:.1f} % "
            f"[{after['low']:.1f}, {after['high']:.1f}]; probabilities that are exactly right "
            f"would give {after['if_perfect']:.1f} % on {after['n']:,} images by chance."
        )
        if kept := found.get("kept"):
            return f"{told} No temperature was fitted: {kept}."
        return (
            f"{told} Logits are divided by {found['temperature']:.3f}, fitted on "
            f"{found['images']:,} images of val; without it the error is {before['value']:.1f} % "
            f"[{before['low']:.1f}, {before['high']:.1f}]."
        )
    except (KeyError, TypeError, ValueError):
        return ""
