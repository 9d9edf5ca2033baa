"""The command line: parse, print, exit code. Nothing heavy is imported until a verb runs."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from edgessl import __version__
from edgessl.errors import EdgesslError, UserError

app = typer.Typer(
    name="edgessl",
    help="An edge model factory: pretrain small backbones on your images, fine-tune, export, bench.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"edgessl {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    pass


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt("SIGTERM")


def main() -> None:
    """Run the command line and exit with the code that DESIGN names for each kind of failure."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt as interrupt:
        number = signal.SIGTERM if "SIGTERM" in str(interrupt) else signal.SIGINT
        print("interrupted", file=sys.stderr)
        sys.exit(128 + number)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        _fail(_as_user_error(error))
    except EdgesslError as error:
        _fail(error)


def _fail(error: EdgesslError) -> None:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)


def _as_user_error(error: OSError) -> EdgesslError:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM):
        return UserError(
            f"{error.filename or 'disk'}: must be writable, got '{error.strerror}'; "
            "free some space or choose another folder with --out"
        )
    raise error
