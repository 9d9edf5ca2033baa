"""Numbers of a row that ``edgessl diagnose`` gives: what features are like, without training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgessl.errors import UserError
from edgessl.metrics.interval import Score
from edgessl.pipeline.diagnose.diagnose import diagnose
from edgessl.pipeline.general import AsFeatures
from edgessl.pipeline.study.asked import Asked
from edgessl.pipeline.study.number import Number
from edgessl.recipe.study_row import Row


def number_of_features(
    network: Path, row: Row, data: str, asked: Asked, opened: AsFeatures,
    say: Callable[[str], None] = lambda _line: None,
) -> Number:  # fmt: skip
    """Look at the features of a pretrained network.

    Args:
        network: Its file.
        row: Says which number, and of which split.
        data: Where the images are.
        asked: How the study is run.
        opened: How general weights are opened.
        say: Called with the name of each step.

    Raises:
        UserError: The images have no labels, or no split, that it needs.
    """
    examined = diagnose(
        [network], data=data, split="test", device=asked.device, seed=asked.seed, say=say,
        backbone=opened.backbone, size=opened.image_px,
    )  # fmt: skip
    (found,) = examined.networks
    if row.score == "best_nn":
        if found.held_out is None:
            raise UserError(
                f"{data}: must have labelled images in train and in test for {row.score}, found "
                "none; give one folder per class"
            )
        return Number.of(found.held_out.best_nn.score)
    numbers = found.splits[0] if row.split == "train" else found.splits[-1]
    value: float | Score | None = getattr(numbers, row.score)
    if value is None:
        raise UserError(f"{data}: must have labels for {row.score}, found none")
    return Number.of(value) if isinstance(value, Score) else Number(value, n=numbers.images)
