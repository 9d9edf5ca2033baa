"""Whole runs of the tiny recipe: what asks for one, and what listens to it."""

from __future__ import annotations

import signal
from pathlib import Path

from stories import Pretraining
from tiny import ENGINE


def request(recipe: Path, data: Path, out: Path, *overrides: str, seed: int = 0) -> Pretraining:
    """Ask for the tiny run, computed in fp32 unless ``overrides`` say otherwise."""
    return Pretraining(
        recipe=str(recipe), data=str(data), out=out, device="cpu", baselines=("none",),
        overrides=(*ENGINE, *overrides), seed=seed,
    )


class Listener:
    """A reporter that remembers sentences, and disturbs the run at one step of one stage.

    Args:
        stage: Where to disturb; empty for nowhere.
        step: After which step.
        crash: Raise, as a bug or a kill would end it, instead of sending SIGTERM.
    """

    def __init__(self, stage: str = "", step: int = 0, *, crash: bool = False) -> None:
        self.sentences: list[str] = []
        self.stages: set[str] = set()
        self._at = (stage, step)
        self._crash = crash

    def say(self, sentence: str) -> None:
        """Remember a sentence."""
        self.sentences.append(sentence)

    def progress(self, activity: str, done: int, total: int, note: str = "") -> None:
        """Remember the activity; disturb it when its time has come."""
        self.stages.add(activity)
        if (activity, done) == self._at:
            if self._crash:
                raise RuntimeError("power cut")
            signal.raise_signal(signal.SIGTERM)
