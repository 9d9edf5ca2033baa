"""Options that several commands share, each said once."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

Epochs = Annotated[int | None, typer.Option(min=1)]
LabelPercent = Annotated[
    float | None, typer.Option(help="Share of the training labels to use, in percent.")
]
Seed = Annotated[int, typer.Option(min=0, help="Decides everything random.")]
TrainingDevice = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE change to the recipe; repeatable.")
]
Compiled = Annotated[
    bool, typer.Option("--compile", help="Put backbones through torch.compile.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over in a used folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def several(text: str) -> tuple[str, ...]:
    """Split what the user wrote with commas between."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def as_typed() -> str:
    """Return the command as it was typed, to be repeated."""
    return shlex.join(["edgessl", *sys.argv[1:]])
