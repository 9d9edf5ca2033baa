"""The commands that a finished run is gone on with, as its report and the terminal say them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from edgessl.data.reading import Reading
from edgessl.runs.stages import FINETUNE, PRETRAIN
from edgessl.train.place.context import Context


@dataclass(frozen=True, slots=True)
class NextCommands:
    """How to go on.

    Attributes:
        next: The command that most want; only a folder of labels is left to fill in.
        alternatives: Others.
    """

    next: str
    alternatives: list[str]


def next_commands(context: Context) -> NextCommands:
    """Say how to go on from a run.

    Args:
        context: The run, whose files are written.
    """
    return NextCommands(_next(context), _alternatives(context))


def _next(context: Context) -> str:
    """Label, fine-tune or export, whichever comes next."""
    dataset, folder = context.dataset, context.run.path
    if dataset.classes and not context.recipe.evaluate.finetunes:
        start = shlex.quote(str(folder / PRETRAIN.file))
        reading = Reading.from_dict(context.run.read()["provenance"]).options()
        return f"edgessl finetune {start} --data {shlex.quote(dataset.source)}{reading}"
    if dataset.classes or dataset.tags:
        return f"edgessl export {shlex.quote(str(folder / FINETUNE.file))} --onnx"
    return f"edgessl finetune {shlex.quote(str(folder / PRETRAIN.file))} --data LABELLED"


def _alternatives(context: Context) -> list[str]:
    """Score it: a backbone without labels too."""
    dataset, folder = context.dataset, context.run.path
    score = f"edgessl eval {shlex.quote(str(folder / FINETUNE.file))} --data"
    if dataset.tags:
        return [f"{score} {shlex.quote(dataset.source)} --protocol map"]
    return [] if dataset.classes else [f"{score} LABELLED"]
