"""What a user sees: lines, progress, and the end of a run."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table


class _Console(Console):
    """A console that leaves it to ``main`` what a closed pipe means; rich would end with code 1."""

    def on_broken_pipe(self) -> None:
        """Raise the error that is being handled."""
        raise  # rich calls this where it has caught it


def console(to_stderr: bool = False) -> Console:
    """Return a console for people.

    Args:
        to_stderr: True while stdout is reserved for a JSON document.
    """
    return _Console(stderr=to_stderr, highlight=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


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


_ROWS = {
    "knn_top1": "kNN on features",
    "linear_top1": "linear probe",
    "finetune_top1": "fine-tuned",
}
_COLUMNS = {
    "scores": "self-supervised",
    "scores_random": "random start",
    "scores_longer": "random, same time",
}


def print_summary(report: dict[str, Any]) -> None:
    """Print what a run reached.

    Args:
        report: The content of ``report.json``.
    """
    screen = console()
    columns = {key: title for key, title in _COLUMNS.items() if report.get(key)}
    if columns:
        table = Table(title="top-1 on test, percent [95 % interval]", title_justify="left")
        table.add_column("")
        for title in columns.values():
            table.add_column(title, justify="right")
        for row, title in _ROWS.items():
            cells = [_cell(report[key].get(row)) for key in columns]
            if any(cells):
                table.add_row(title, *cells)
        if "thumbnail_knn_top1" in report:
            empty = [""] * (len(columns) - 1)
            table.add_row("raw pixels, 5-NN", _cell(report["thumbnail_knn_top1"]), *empty)
        screen.print(table)
    model, pace = report["model"], report["throughput"]
    seconds = sum(pace["seconds"].values())
    activity = "Pretraining" if "pretrain" in pace["seconds"] else "Fine-tuning"
    screen.print(
        f"{model['params'] / 1e6:.2f} M parameters, {model['macs'] / 1e6:.1f} M MACs; "
        f"trained in {seconds:.0f} s. {activity}: {pace['bottleneck']}"
    )
    screen.print(report["verdict"])
    folder = Path(report["next"].split()[2].strip("'\"")).parent
    screen.print(f"report: {folder / 'report.html'}")
    screen.print(f"next:   {report['next']}")


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    return f"{score['value']:.1f} \\[{score['low']:.1f}, {score['high']:.1f}]"
