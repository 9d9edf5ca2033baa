"""What ``edgessl finetune`` is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from edgessl.pipeline.asked import OfAnyRun


@dataclass(frozen=True, slots=True)
class Asked(OfAnyRun):
    """What the user asks of a fine-tuning, as of ``edgessl.finetune``.

    Attributes:
        start: A run's file, or general weights.
        data: Where the labelled images are.
        unlabelled: Further images, used without label; None for none.
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file; None for what fits the start.
        backbone: What a file of others holds; None to find out.
    """

    start: str
    data: str
    unlabelled: str | None = None
    recipe: str | None = None
    backbone: str | None = None
