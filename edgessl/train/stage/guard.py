"""What happens when a loss is not finite: skip the step, then roll back, then stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

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
