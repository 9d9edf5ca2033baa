"""Schedules: pure functions of the clock, so that resuming is exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def linear(step: int, steps: int, start: float, end: float) -> float:
    """Straight line from ``start`` at step 0 to ``end`` at step ``steps``."""
    return start + (end - start) * step / steps


def polynomial(step: int, steps: int, start: float, power: float) -> float:
    """``start`` times the share of ``steps`` that is left, to a power."""
    return float(start * (1.0 - step / steps) ** power)


def falling_steps(step: int, milestones: Sequence[int], start: float, factor: float) -> float:
    """``start``, multiplied by ``factor`` from each milestone on that is reached."""
    return start * factor ** sum(step >= milestone for milestone in milestones)


def linear_then_flat(epoch: int, warmup_epochs: int, start: float, end: float) -> float:
    """Linear from ``start`` to ``end``, reached in the last of ``warmup_epochs``; then ``end``.

    Source:
        DINO's teacher temperature (Caron et al. 2021).
    """
    if epoch >= warmup_epochs - 1:
        return end
    return start + (end - start) * epoch / (warmup_epochs - 1)
