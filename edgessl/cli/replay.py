"""``python -m edgessl.cli.replay RUN/state/diverged.pt``: the step that ended a run, once more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgessl.cli.screen import console


def replay(
    dump: Annotated[
        Path, typer.Argument(help="RUN/state/diverged.pt of a stopped run.", metavar="DUMP")
    ],
) -> None:
    """Do the step again whose loss was not finite, and say which layer fails first."""
    from edgessl.cli.screen import Screen
    from edgessl.pipeline.replay import describe_replay
    from edgessl.pipeline.replay import replay as run_replay

    with Screen(console()) as screen:
        screen.say(describe_replay(run_replay(dump, screen)))


if __name__ == "__main__":
    from edgessl.cli import main

    program = typer.Typer(
        name="python -m edgessl.cli.replay", add_completion=False,
        pretty_exceptions_enable=False, rich_markup_mode=None,
    )  # fmt: skip
    program.command()(replay)
    main(program)
