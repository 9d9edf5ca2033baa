"""Schedules: pure functions of the clock, so that resuming is exact."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """The only clock of a training stage.

    Attributes:
        step: Optimiser steps done so far in this stage; 0 during the first step.
        steps_per_epoch: Steps in one epoch.
        epochs: Epochs of the stage.
        stage: Number of the stage.
    """

    step: int
    steps_per_epoch: int
    epochs: int
    stage: int = 0

    @property
    def epoch(self) -> int:
        """Whole epochs done."""
        return self.step // self.steps_per_epoch

    @property
    def total_steps(self) -> int:
        """Steps of the whole stage."""
        return self.steps_per_epoch * self.epochs

    @property
    def progress(self) -> float:
        """Share of the stage done, in [0, 1]."""
        return self.step / self.total_steps


def cosine(step: int, steps: int, start: float, end: float) -> float:
    """Half a cosine from ``start`` at step 0 towards ``end``, which step ``steps`` would reach."""
    return end + 0.5 * (start - end) * (1.0 + math.cos(math.pi * step / steps))


def warmup_cosine(
    step: int, total_steps: int, warmup_steps: int, start: float, peak: float, floor: float
) -> float:
    """Linear warm-up that includes both ends, then a cosine that restarts at the peak.

    Args:
        step: 0-based step.
        total_steps: Steps of the stage.
        warmup_steps: Length of the warm-up; its last step runs at the peak.
        start: Value of the first warm-up step.
        peak: Highest value.
        floor: Value that the step after the last would reach.

    Source:
        SSLight's schedules; golden values in the tests.
    """
    if step < warmup_steps:
        return start + (peak - start) * step / max(1, warmup_steps - 1)
    return cosine(step - warmup_steps, total_steps - warmup_steps, peak, floor)


def linear_then_flat(epoch: int, warmup_epochs: int, start: float, end: float) -> float:
    """Linear from ``start`` to ``end``, reached in the last of ``warmup_epochs``; then ``end``.

    Source:
        DINO's teacher temperature (Caron et al. 2021).
    """
    if epoch >= warmup_epochs - 1:
        return end
    return start + (end - start) * epoch / (warmup_epochs - 1)
