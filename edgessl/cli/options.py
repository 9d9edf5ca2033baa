"""Options and words that several commands share, each said once."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from edgessl.errors import UserError

if TYPE_CHECKING:
    from edgessl.data.reading import Reading

LabelPercent = Annotated[
    float | None, typer.Option(help="Share of the training labels to use, in percent.")
]
LabelsPerClass = Annotated[
    int | None, typer.Option(help="Number of training labels of each class to use.", metavar="N")
]
ValGroup = Annotated[
    str | None,
    typer.Option(
        help="Hold val out by whole groups: 'parent' (folders), or a column of the CSV manifest.",
        metavar="parent|COLUMN",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        help="Side of images; views, crops and fine-tuning with it. [default: the recipe's]",
        metavar="PX",
    ),
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
HeldBackbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        help="What a file of others holds, where it does not tell: a backbone's name or "
        "timm:NAME.",
        metavar="NAME",
    ),
]
GeneralSize = Annotated[
    int | None,
    typer.Option(help="Side of the images for general weights; default: 128.", metavar="PX"),
]
NetworkDevice = Annotated[
    str, typer.Option(help="Where a checkpoint runs: auto, cpu, cuda or mps.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust", help="Open a .pt2 or .torchscript that no manifest lists: it runs code."
    ),
]

Layout = Annotated[
    str,
    typer.Option(
        help="How to read the images: auto, folders (are classes), csv (a table has the labels) "
        "or flat (no labels)."
    ),
]
Splits = Annotated[
    str,
    typer.Option(
        help="Folders that are splits, as train=A,val=B,test=C; or none. [default: by their names]",
        show_default=False,
    ),
]
Column = Annotated[
    str,
    typer.Option(help="Column of a table that has the labels. [default: by its name]",
                 show_default=False),
]  # fmt: skip


def reading_of(layout: str, splits: str, column: str) -> Reading:
    """Put together what the user says about the layout of images.

    Args:
        layout: ``--layout``.
        splits: ``--splits``.
        column: ``--column``.

    Raises:
        UserError: An option means nothing; all are told at once.
    """
    from edgessl.data.reading import Reading

    return Reading(layout, splits, column)


def several(text: str) -> tuple[str, ...]:
    """Split what the user wrote with commas between."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def changes(overrides: Sequence[str] | None, val_group: str | None) -> tuple[str, ...]:
    """Return what is changed of the recipe, as ``KEY=VALUE``.

    Args:
        overrides: ``--set``.
        val_group: ``--val-group``, which is a key of the recipe too.
    """
    given = tuple(overrides or ())
    if val_group is None:
        return given
    return (*given, f"data.val_group={json.dumps(val_group, ensure_ascii=False)}")


def as_typed() -> str:
    """Return the command as it was typed, to be repeated."""
    return shlex.join(["edgessl", *sys.argv[1:]])


_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def numbers(option: str, text: str | None) -> tuple[int, ...]:
    """Read whole numbers such as ``1,2,4``, each once.

    Args:
        option: Its name, for the message.
        text: What was typed; None for nothing.

    Raises:
        UserError: It is something else.
    """
    if text is None:
        return ()
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError as error:
        raise UserError(f"{option}: must be whole numbers as 1,2,4, got '{text}'") from error


def percent(option: str, text: str) -> float:
    """Read a percentage such as ``10%``.

    Args:
        option: Its name, for the message.
        text: What was typed.

    Raises:
        UserError: It is something else.
    """
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e4:
        raise UserError(f"{option}: must be a percentage as 10%, got '{text}'")
    return value


def seconds(option: str, text: str) -> float:
    """Read a time such as ``90s``, ``10m`` or ``1h``.

    Args:
        option: Its name, for the message.
        text: What was typed.

    Returns:
        Seconds, from 1 on.

    Raises:
        UserError: It is something else.
    """
    unit = _UNITS_S.get(text[-1:])
    try:
        value = float(text[:-1] if unit else text) * (unit or 1.0)
    except ValueError:
        value = 0.0
    if not 1 <= value < 1e6:
        raise UserError(f"{option}: must be a time from 1s on, as 90s, 10m or 1h, got '{text}'")
    return value


def refuse_given(given: Mapping[str, object], rule: str) -> None:
    """Refuse options that have no meaning here.

    Args:
        given: What was typed, by the option's name; None, False or empty where nothing was.
        rule: What must hold for them.

    Raises:
        UserError: One line for each that was given.
    """
    wrong = [
        f"{option}: {rule}, got {_typed(value)}; leave it out"
        for option, value in given.items() if value not in (None, False, "", [])
    ]  # fmt: skip
    if wrong:
        raise UserError("\n".join(wrong))


def _typed(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "it" if value is True else f"'{value}'"
