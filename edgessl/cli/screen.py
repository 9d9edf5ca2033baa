"""What a user sees: lines, progress, and the end of a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.status import Status
from rich.table import Table
from rich.text import Text

from edgessl.runs.stages import PRETRAIN, scores_of


class _Console(Console):
    """A console that takes text as it is, whatever brackets a path or a name has.

    It leaves it to ``main`` what a closed pipe means; rich would end with code 1.
    """

    def status(self, status: RenderableType, **more: Any) -> Status:
        """Show a line with a spinner; like ``print``, it reads no markup."""
        return _Status(_plain(status), console=self, **more)

    def on_broken_pipe(self) -> None:
        """Raise the error that is being handled."""
        raise  # rich calls this where it has caught it


class _Status(Status):
    """A line with a spinner, whose text is taken as it is; rich reads markup whatever one says."""

    def update(self, status: RenderableType | None = None, **more: Any) -> None:
        """Change the line."""
        super().update(None if status is None else _plain(status), **more)


def _plain(status: RenderableType) -> RenderableType:
    return Text(status) if isinstance(status, str) else status


def console(to_stderr: bool = False) -> Console:
    """Return a console for people. Colours come as ``Text``: strings are shown as they are.

    Args:
        to_stderr: True while stdout is reserved for a JSON document.
    """
    return _Console(
        stderr=to_stderr, highlight=False, markup=False, emoji=False, soft_wrap=True
    )


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a narrow terminal, or a file name in no known encoding
        text = json.dumps(document, indent=2)
    sys.stdout.write(text + "\n")


_COLUMNS = {
    "knn_top1": "kNN on features",
    "linear_top1": "linear probe",
    "supervised_top1": "own classifier",
    "finetune_top1": "fine-tuned",
    "linear_map": "linear probe",
    "finetune_map": "fine-tuned",
}
_BESIDE = {
    "finetune_top5": "top-5 of the classifier, percent",
    "finetune_balanced": "balanced accuracy of the classifier (mean recall of classes), percent",
}
"""Measures beside top-1, a line each: the table has no room for more columns."""
_ROWS = {
    "scores": "self-supervised",
    scores_of("random"): "random start",
    scores_of("longer"): "random, longer",
    scores_of("init"): "weights directly",
    scores_of("init-longer"): "weights, longer",
}
"""An arm a row: with all of them the table still fits into 80 letters."""
_UNBROKEN = 3  # columns of scores that fit into as many


_TUNED = ("finetune_top1", "finetune_map")


def print_summary(report: dict[str, Any], run: Path) -> None:
    """Print what a run reached.

    Args:
        report: The content of ``report.json``.
        run: The run folder.
    """
    screen = console()
    if rows := {key: _title(key, report) for key in _ROWS if report.get(key)}:
        screen.print(_scores_table(report, rows))
        for line in _beside(report, rows):
            screen.print(line)
    model, pace = report["model"], report["throughput"]
    seconds = sum(pace["seconds"].values())
    activity = "Pretraining" if PRETRAIN.name in pace["seconds"] else "Fine-tuning"
    for line in (
        f"{model['params'] / 1e6:.2f} M parameters, {model['macs'] / 1e6:.1f} M MACs an image of "
        f"{report['recipe']['image']['crop_px']} px{_without_last_stage(model)}; "
        f"trained in {seconds:.0f} s.",
        f"{activity} at {pace['bottleneck']}",
        report["verdict"],
        f"report: {run / 'report.html'}",
        f"next:   {report['next']}",
        *(f"or:     {command}" for command in report.get("alternatives", ())),
    ):
        screen.print(line)


def _title(key: str, report: dict[str, Any]) -> str:
    """Name a row: a random start that nothing trained is none, weights of others are not ours."""
    from edgessl.recipe.method_tables import learns_labels

    if key == "scores" and (report.get("start") or {}).get("weights"):
        return "these weights"
    method = report["recipe"].get("method") or {}
    if key == "scores" and learns_labels(method.get("name")):
        return "supervised"
    trained = key != scores_of("random") or not report[key].keys().isdisjoint(_TUNED)
    return _ROWS[key] if trained else "random weights, untrained"


def _without_last_stage(model: dict[str, Any]) -> str:
    """Say that the figures are of a network that is not whole yet."""
    if model.get("last_stage") != "remove":
        return ""
    return ", without the last stage, which fine-tuning adds"


def _scores_table(report: dict[str, Any], rows: dict[str, str]) -> Table:
    """An arm a row, a protocol that scored one a column."""
    several = any("finetune_map" in report[key] for key in rows)
    table = Table(
        title=f"{'mAP' if several else 'top-1'} on test, percent [95 % interval]",
        title_justify="left",
    )
    table.add_column("")
    pixels = {"knn_top1": report["thumbnail_knn_top1"]} if "thumbnail_knn_top1" in report else {}
    scores = [*(report[key] for key in rows), pixels]
    columns = [key for key in _COLUMNS if any(found.get(key) for found in scores)]
    for key in columns:
        table.add_column(_COLUMNS[key], justify="right", no_wrap=len(columns) <= _UNBROKEN)
    for key, title in rows.items():
        table.add_row(title, *(_cell(report[key].get(column)) for column in columns))
    if pixels:
        table.add_row("raw pixels, 5-NN", *(_cell(pixels.get(column)) for column in columns))
    if majority := report.get("majority"):
        always = f"{majority['value']:.1f}"
        table.add_row(Text(f"always '{majority['class']}'"), *(always for _ in columns))
    return table


def _beside(report: dict[str, Any], rows: dict[str, str]) -> list[str]:
    """Tell the other measures, of all arms."""
    lines = []
    for key, measure in _BESIDE.items():
        found = [f"{title} {_cell(report[row][key])}" for row, title in rows.items()
                 if report[row].get(key)]  # fmt: skip
        lines += [f"{measure}: {', '.join(found)}"] if found else []
    return lines


def _cell(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    return f"{score['value']:.1f} [{score['low']:.1f}, {score['high']:.1f}]"
