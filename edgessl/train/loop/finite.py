"""Whether a loss is finite, known before the weights move, without making a GPU wait."""

from __future__ import annotations

import torch
from torch import Tensor


class FiniteCheck:
    """Copies one bit of a loss to the CPU while the backward pass goes on.

    Args:
        loss: Scalar, on any device; the check sees its value now.
    """

    def __init__(self, loss: Tensor) -> None:
        finite = torch.isfinite(loss.detach())
        self._event: torch.cuda.Event | None = None
        if finite.device.type == "cuda":
            self._bit = torch.empty((), dtype=torch.bool, pin_memory=True)
            self._bit.copy_(finite, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()
        else:
            self._bit = finite

    def __bool__(self) -> bool:
        """Say whether it is finite. On a GPU this waits for the forward pass only."""
        if self._event is not None:
            self._event.synchronize()
        return bool(self._bit)
