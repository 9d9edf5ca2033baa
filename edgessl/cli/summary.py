"""The end of a run, on one screen: scores, verdict, next command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from edgessl.cli.console import console

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
