"""What a user sees: lines, progress, and the end of a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from edgessl.runs.stages import PRETRAIN, scores_of


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


_ROWS = {
    "knn_top1": "kNN on features",
    "linear_top1": "linear probe",
    "finetune_top1": "fine-tuned",
}
_COLUMNS = {
    "scores": "self-supervised",
    scores_of("random"): "random start",
    scores_of("longer"): "random, same time",
}


def print_summary(report: dict[str, Any], run: Path) -> None:
    """Print what a run reached.

    Args:
        report: The content of ``report.json``.
        run: The run folder.
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
    activity = "Pretraining" if PRETRAIN.name in pace["seconds"] else "Fine-tuning"
    for line in (
        f"{model['params'] / 1e6:.2f} M parameters, {model['macs'] / 1e6:.1f} M MACs an image of "
        f"{report['recipe']['image']['crop_px']} px; trained in {seconds:.0f} s.",
        f"{activity} at {pace['bottleneck']}",
        report["verdict"],
        f"report: {run / 'report.html'}",
        f"next:   {report['next']}",
    ):
        screen.print(line, markup=False)


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    return f"{score['value']:.1f} \\[{score['low']:.1f}, {score['high']:.1f}]"
