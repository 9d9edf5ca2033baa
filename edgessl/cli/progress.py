"""Progress for a person: a live line on a terminal, a plain line every 30 s elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

PLAIN_EVERY_S = 30.0


class Screen:
    """Shows sentences and progress. Use as a context manager, so that the line is always ended.

    Args:
        console: Where to write.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, tuple[float, int]] = {}
        self._spoke = time.monotonic()

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live = Progress(
                TextColumn("{task.description:<16}"),
                BarColumn(bar_width=20),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=self._console,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, sentence: str) -> None:
        """Print one sentence."""
        self._console.print(sentence, markup=False)

    def progress(self, activity: str, done: int, total: int, note: str = "") -> None:
        """Show how far an activity is."""
        if self._live is not None:
            if activity not in self._tasks:
                self._tasks[activity] = self._live.add_task(activity, total=total, note=note)
            self._live.update(self._tasks[activity], completed=done, total=total, note=note)
            return
        now = time.monotonic()
        began, first = self._began.setdefault(activity, (now, done - 1))
        if done >= total:
            self._began.pop(activity)
            if now - began < 1.0:
                return  # too quick to be worth a line
        elif now - self._spoke < PLAIN_EVERY_S:
            return
        self._spoke = now
        left = (total - done) * (now - began) / max(1, done - first)
        ending = f" · {left:.0f} s left" if done < total else f" · took {now - began:.0f} s"
        middle = f" · {note}" if note else ""
        self._console.print(f"{activity} {done}/{total}{middle}{ending}", markup=False)
