"""Ctrl-C and SIGTERM, remembered until a step is whole."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Remembers the first Ctrl-C or SIGTERM, so that a step is never cut in two.

    Attributes:
        number: The signal; 0 while there was none.
    """

    def __init__(self) -> None:
        self.number = 0

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.number = number

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals instead of what took them before."""
        try:
            before = {
                number: signal.signal(number, self._remember)
                for number in (signal.SIGINT, signal.SIGTERM)
            }
        except ValueError:  # not in the main thread, where Python allows no handlers
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
