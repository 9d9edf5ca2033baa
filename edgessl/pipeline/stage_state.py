"""What a training stage goes on from: weights, optimiser, step, and what was counted so far."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import torch
from torch import nn

from edgessl.pipeline.guard import Guard
from edgessl.pipeline.meter import Meter
from edgessl.run import RunFolder

SAVE_EVERY_S = 60.0
SAVE_EPOCH_EVERY_S = 10.0  # an epoch's end is saved too, unless a state is younger than this
SAVE_SHARE = 0.02  # of the time, at most, goes into saving


class StageState:
    """The resumable state of one stage.

    Args:
        run: Where states are saved.
        stage: The stage's name.
        module: What is trained.
        optimizer: Its optimiser.
        scaler: Its gradient scaler.

    Attributes:
        step: Steps done, as last saved or restored.
        meter: Time and images.
        guard: Skipped steps and rollbacks.
    """

    def __init__(
        self,
        run: RunFolder,
        stage: str,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
    ) -> None:
        self.step = 0
        self.meter = Meter()
        self.guard = Guard()
        self.scaler = scaler
        self._run = run
        self._stage = stage
        self._module = module
        self._optimizer = optimizer
        self._saved_at = perf_counter()
        self._save_seconds = 0.0

    def restore(self) -> bool:
        """Take the newest saved state, and cut the log back to it.

        Returns:
            Whether there was one. Without one, nothing but the log is touched.
        """
        saved = self._run.load_state(self._stage)
        self._run.cut_log(self._stage, 0 if saved is None else int(saved["step"]))
        if saved is None:
            return False
        self._module.load_state_dict(saved["module"], strict=True)
        self._optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        self.step = int(saved["step"])
        self.meter = Meter(**saved["meter"])
        self.guard = Guard(**saved["guard"])
        return True

    def due(self, epoch_ended: bool) -> bool:
        """Say whether a state should be saved now."""
        age = perf_counter() - self._saved_at
        wait = SAVE_EPOCH_EVERY_S if epoch_ended else SAVE_EVERY_S
        return age > max(wait, self._save_seconds / SAVE_SHARE)

    def save(self, step: int) -> None:
        """Write the state after a step."""
        began = perf_counter()
        self.step = step
        self._run.save_state(self.payload())
        self._saved_at = perf_counter()
        self._save_seconds = self._saved_at - began

    def payload(self) -> dict[str, Any]:
        """Return the state as tensors and plain values."""
        return {
            "stage": self._stage,
            "step": self.step,
            "module": self._module.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "meter": self.meter.to_dict(),
            "guard": {"skipped": self.guard.skipped, "rollbacks": self.guard.rollbacks},
        }
