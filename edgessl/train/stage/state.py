"""What a training stage goes on from: weights, optimiser, step, and what was counted so far."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from edgessl.runs.folder import RunFolder, Say
from edgessl.train.health.told import Watcher
from edgessl.train.stage.best_epoch import BestEpoch
from edgessl.train.stage.guard import Guard
from edgessl.train.stage.state_fits import misfit
from edgessl.train.stage.timing import Meter

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
        say: Told of states that cannot be read.
        doctor: Watches the stage; None where nothing can collapse.
        choice: Keeps the best epoch; None where there is nothing to choose.

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
        say: Say,
        doctor: Watcher | None = None,
        choice: BestEpoch | None = None,
    ) -> None:
        self.step = 0
        self.meter = Meter()
        self.guard = Guard()
        self.scaler = scaler
        self._run = run
        self._stage = stage
        self._module = module
        self._optimizer = optimizer
        self._say = say
        self._doctor = doctor
        self._choice = choice
        self._saved_at = perf_counter()
        self._save_seconds = 0.0

    def restore(self) -> bool:
        """Take the furthest saved state, and cut the logs back to it.

        Returns:
            Whether there was one. Without one, nothing but the logs is touched.
        """
        states = self._states()
        self._run.cut_logs(self._stage, states[0]["step"] if states else 0, self._finished())
        if states:
            self._take(states[0])
        return bool(states)

    def roll_back(self) -> None:
        """Return to the last state, the second time to the one before; the guard remembers it.

        How far that is depends on when states were saved, and so on time: a run that was rolled
        back is not repeatable bit for bit, unlike any other.
        """
        guard = self.guard
        states = self._states()
        chosen = states[min(guard.rollbacks, len(states)) - 1]
        self._run.cut_logs(self._stage, chosen["step"], self._finished())
        self._take(chosen)
        self.guard = guard
        self._run.save_state(self.payload(), over_newest=True)
        self._saved_at = perf_counter()

    def due(self, epoch_ended: bool) -> bool:
        """Say whether a state should be saved now: not while the weights are in doubt."""
        age = perf_counter() - self._saved_at
        wait = SAVE_EPOCH_EVERY_S if epoch_ended else SAVE_EVERY_S
        return not self.guard.skipped and age > max(wait, self._save_seconds / SAVE_SHARE)

    def save(self, step: int) -> None:
        """Write the state after a step, unless its weights are spoilt and the last one is better.

        Args:
            step: Steps done.
        """
        began = perf_counter()
        if _finite(self._module):
            self.step = step
            self._run.save_state(self.payload())
        self._saved_at = perf_counter()
        self._save_seconds = self._saved_at - began

    def keep_end(self, step: int) -> None:
        """Keep the state at the end of the stage, so that the stage can be made longer.

        Args:
            step: Steps of the stage.
        """
        self.step = step
        self._run.save_end(self.payload())

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
            "doctor": self._doctor.state() if self._doctor is not None else None,
            "choice": self._choice.state() if self._choice is not None else None,
        }

    def _states(self) -> list[dict[str, Any]]:
        """Return the states that this stage can go on from, the furthest first."""
        return self._run.load_states(
            self._stage, self._say,
            lambda saved: misfit(
                saved, self._module, self._optimizer, self.scaler, self._doctor, self._choice
            ),
        )  # fmt: skip

    def _take(self, saved: dict[str, Any]) -> None:
        self._module.load_state_dict(saved["module"], strict=True)
        self._optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        self.step = int(saved["step"])
        self.meter = Meter(**saved["meter"])
        self.guard = Guard(**saved["guard"])
        if self._doctor is not None:
            self._doctor.restore(saved["doctor"])
        if self._choice is not None and saved.get("choice") is not None:
            self._choice.restore(saved["choice"])

    def _finished(self) -> set[str]:
        return set(self._run.read().get("finished", {}))


def _finite(module: nn.Module) -> bool:
    """Say whether all weights are finite, with one wait for a GPU."""
    weights: list[Tensor] = [
        value
        for value in module.state_dict().values()
        if value.is_floating_point() and value.numel()
    ]
    norms = torch._foreach_norm(weights, float("inf"))
    return bool(torch.stack([norm.float() for norm in norms]).isfinite().all())
