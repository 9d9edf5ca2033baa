"""A reporter that presses Ctrl-C."""

from __future__ import annotations

import signal

from edgessl.reporter import Silent


class Stops(Silent):
    """Asks a run to stop at a step of a stage, as Ctrl-C would.

    Args:
        stage: Its name.
        at: The step.
    """

    def __init__(self, stage: str, at: int) -> None:
        self._stage, self._at = stage, at

    def progress(self, activity: str, done: int, total: int, note: str = "") -> None:
        """Raise the signal in the middle of training."""
        if activity == self._stage and done == self._at:
            signal.raise_signal(signal.SIGINT)
