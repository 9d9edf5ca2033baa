"""How many pixels may be decoded at a time, over all threads: each takes some ten bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """Lets threads in while their images fit, and a single image of any size.

    Args:
        pixels: How many fit.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._taken = 0
        self._changed = threading.Condition()
        self._mine = threading.local()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep what ``take`` takes inside until the end: while a decoded image is made smaller."""
        outer = getattr(self._mine, "held", None)
        self._mine.held = 0
        try:
            yield
        finally:
            self._give_back()
            self._mine.held = outer

    def take(self, pixels: int) -> None:
        """Wait for room; what this thread's image before had is given back.

        Outside of ``held`` nothing is taken: an image that is kept is its keeper's to count.

        Args:
            pixels: Of the image that is about to be decoded.
        """
        if getattr(self._mine, "held", None) is None:
            return
        self._give_back()
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + pixels <= self._pixels)
            self._taken += pixels
        self._mine.held = pixels

    def _give_back(self) -> None:
        with self._changed:
            self._taken -= self._mine.held
            self._mine.held = 0
            self._changed.notify_all()
