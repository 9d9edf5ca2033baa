"""What happens when the loss is not finite: skip, roll back, and at last stop and say why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from torch import Tensor

from edgessl.errors import GateFailed
from edgessl.schedules import Clock

PATIENCE = 3  # steps in a row that are skipped before the weights are blamed
ROLLBACKS = 2  # each halves the learning rate


class Verdict(Enum):
    """What to do after a step."""

    GO_ON = "go on"
    ROLL_BACK = "roll back"
    STOP = "stop"


@dataclass(slots=True)
class Guard:
    """Watches over the losses of a stage.

    One bad batch is skipped. Several in a row mean that the weights are bad already: the last
    state is restored, and the learning rate halved from there, since the same step would fail
    again. The second time it is the state before, because the last one may hold weights that had
    exploded already. If that does not help, the stage ends.

    Attributes:
        skipped: Steps skipped in a row.
        rollbacks: How often the stage was rolled back.
    """

    skipped: int = 0
    rollbacks: int = 0

    @property
    def lr_factor(self) -> float:
        """What the scheduled learning rate is multiplied by."""
        return 0.5**self.rollbacks

    def judge(self, skipped: bool) -> Verdict:
        """Count a step.

        Args:
            skipped: Whether it was skipped because its loss was not finite.
        """
        self.skipped = self.skipped + 1 if skipped else 0
        if self.skipped < PATIENCE:
            return Verdict.GO_ON
        self.skipped = 0
        if self.rollbacks == ROLLBACKS:
            return Verdict.STOP
        self.rollbacks += 1
        return Verdict.ROLL_BACK


def diverged(
    state: dict[str, Any], after: Clock, loss: Tensor, lr: float, optim_key: str
) -> dict[str, Any]:
    """Return what is kept of a stage that is given up, as tensors and plain values.

    Args:
        state: Its state, with the weights before the failed step.
        after: The clock after the failed step.
        loss: Of the failed step.
        lr: Its learning rate.
        optim_key: Where the recipe gives the stage's optimiser.
    """
    return {
        **state,
        "failed_step": after.step - 1,
        "steps_per_epoch": after.steps_per_epoch,
        "epochs": after.epochs,
        "loss": str(loss.item()),
        "lr": lr,
        "optim_key": optim_key,
    }


def failure(kept: Mapping[str, Any], place: Path) -> GateFailed:
    """Return what to raise for a stage that was given up, now or in an earlier run.

    Args:
        kept: What ``diverged`` returned.
        place: Where it is kept.
    """
    rollbacks = kept["guard"]["rollbacks"]
    return GateFailed(
        f"{kept['stage']}: the loss must stay finite, got {kept['loss']} at step "
        f"{kept['failed_step'] + 1} after {rollbacks} rollbacks, each with half the learning "
        f"rate ({kept['lr']:g} at the end); the same command with a lower "
        f"--set {kept['optim_key']}.lr=... and --fresh (or another --out) starts anew. {place} "
        "has the weights before that step"
    )
