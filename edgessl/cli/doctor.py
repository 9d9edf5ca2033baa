"""``edgessl doctor``: what can be used on this machine, and what to type for what cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgessl.cli.screen import console, print_json

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {"ready": "green", "on demand": "yellow", "not here": "red"}
SECTIONS = {
    "devices": "training", "bench": "edgessl bench --device", "targets": "edgessl export --target",
    "elsewhere": "made on the device itself",
    "environments": "runtimes and converters",
}  # fmt: skip


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what this machine can use, and what to type for the rest."""
    screen = console(to_stderr=json)
    with screen.status("looking"):
        from edgessl.pipeline.doctor import doctor as story

        found = story()
    if json:
        print_json(found)
        return
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    screen.print(
        f"edgessl {found['edgessl']}, Python {found['python']}, {found['system']}, "
        f"{found['cores']} core(s)", markup=False, highlight=False,
    )  # fmt: skip
    screen.print(versions, markup=False, highlight=False)
    if found["offline"]:
        screen.print("EDGESSL_OFFLINE is set: no environment is made.")
    for key, heading in SECTIONS.items():
        _print_section(screen, heading, found[key])


def _print_section(screen: Console, heading: str, entries: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=heading, title_justify="left", box=None, show_header=False)
    for no_wrap in (True, True, False):
        table.add_column(no_wrap=no_wrap)
    for entry in entries:
        state = Text(entry["state"], style=COLOURS[entry["state"]])
        table.add_row(entry["name"], state, Text(entry["about"]))
        if entry["type"]:
            table.add_row("", "", Text(entry["type"], style="bold"))
    screen.print(table)
