"""What the forward passes of a step leave for the time after it."""

from __future__ import annotations

import torch
from torch import Tensor

from edgessl.schedules import Clock


class StepRows:
    """Rows of the micro-batches of one step, until the weights have been updated.

    A step that is skipped is not followed by ``take``; its rows are dropped when the next begins.
    """

    def __init__(self) -> None:
        self._rows: list[Tensor] = []
        self._of: Clock | None = None

    def add(self, clock: Clock, rows: Tensor) -> None:
        """Keep the rows of a micro-batch.

        Args:
            clock: Of its step.
            rows: ``(B, …)``.
        """
        if clock != self._of:
            self._rows, self._of = [], clock
        self._rows.append(rows.detach())

    def take(self) -> Tensor | None:
        """Return all rows of the step in their order, and forget them; None if there are none."""
        rows, self._rows = self._rows, []
        return torch.cat(rows) if rows else None
