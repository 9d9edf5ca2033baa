"""How a story tells a person what is going on."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Receives sentences and progress; the command line shows them."""

    def say(self, sentence: str) -> None:
        """Show one sentence that stays on the screen."""
        ...

    def progress(self, activity: str, done: int, total: int, note: str = "") -> None:
        """Show how far an activity is; ``done == total`` ends it.

        Args:
            activity: What is being done.
            done: Units done.
            total: Units in all.
            note: Figures worth seeing now: loss, images/s, data share.
        """
        ...


class Silent:
    """A reporter that shows nothing."""

    def say(self, sentence: str) -> None:
        """Drop the sentence."""

    def progress(self, activity: str, done: int, total: int, note: str = "") -> None:
        """Drop the progress."""
