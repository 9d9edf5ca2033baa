"""How a story tells a person what is going on: sentences, and how far something is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

PLAIN_EVERY_S = 30.0


class Reporter(Protocol):
    """Receives sentences and progress."""

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


class Screen:
    """Shows sentences, and progress as a bar on a terminal, else as a plain line now and then.

    Use as a context manager, so that the bar is always ended. A notebook is no terminal: it gets
    the plain lines.

    Args:
        console: Where to write; None for stdout.
    """

    def __init__(self, console: Console | None = None) -> None:
        if console is None:
            from rich.console import Console

            console = Console(highlight=False, emoji=False, soft_wrap=True)
        self._console = console
        self._live: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, tuple[float, int]] = {}
        self._spoke = time.monotonic()

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._live = Progress(
                TextColumn("{task.description:<16}", markup=False),
                BarColumn(bar_width=20),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}", markup=False),
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
        self._print(sentence)

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
        self._print(f"{activity} {done}/{total}{middle}{ending}")

    def _print(self, line: str) -> None:
        if self._console.is_jupyter:  # rich would make a block of HTML of every line
            print(line, flush=True)
            return
        self._console.print(line, markup=False, emoji=False)


@contextmanager
def speaking(reporter: Reporter | None) -> Iterator[Reporter]:
    """Speak through a reporter, or through a screen of its own where none is given.

    Args:
        reporter: The caller's, which the caller ends; None for a ``Screen`` on stdout.
    """
    if reporter is not None:
        yield reporter
        return
    with Screen() as screen:
        yield screen
