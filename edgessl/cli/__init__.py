"""The command line: parse, print, exit code. Nothing heavy is imported until a verb runs."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from types import FrameType
from typing import Annotated, NoReturn

import typer

from edgessl import __version__
from edgessl.cli.bench import bench
from edgessl.cli.catalogue import list_entries, show
from edgessl.cli.compare import compare
from edgessl.cli.data import data
from edgessl.cli.diagnose import diagnose
from edgessl.cli.doctor import doctor
from edgessl.cli.evaluate import evaluate
from edgessl.cli.export import export
from edgessl.cli.failures import in_a_sentence
from edgessl.cli.finetune import finetune
from edgessl.cli.help import EXAMPLES, JOB, Verbs
from edgessl.cli.pick import pick
from edgessl.cli.pipes import flush_output, nobody_reads
from edgessl.cli.predict import predict
from edgessl.cli.profile import profile
from edgessl.cli.recipe import recipe
from edgessl.cli.report import report
from edgessl.cli.rescale import rescale
from edgessl.cli.study import study
from edgessl.cores import limit_threads
from edgessl.distributed import world_of_environment
from edgessl.errors import EdgesslError, UserError

app = typer.Typer(
    name="edgessl",
    cls=Verbs,
    help="An edge model factory: pretrain small backbones on your images, fine-tune, export.",
    epilog=JOB,
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


_VERBS: dict[str, Callable[..., None]] = {
    "recipe": recipe, "export": export, "bench": bench, "list": list_entries, "show": show,
    "data": data, "finetune": finetune, "eval": evaluate, "profile": profile, "rescale": rescale,
    "predict": predict, "report": report, "compare": compare, "pick": pick,
    "diagnose": diagnose,
    "doctor": doctor, "study": study,
}  # fmt: skip
for _name, _verb in _VERBS.items():
    app.command(name=_name, epilog=EXAMPLES[_name])(_verb)


class _Signalled(BaseException):
    """Ctrl-C or SIGTERM. Not a KeyboardInterrupt, which typer turns into an exit code of its own.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _on_signal(number: int, _frame: FrameType | None) -> None:
    raise _Signalled(number)


def main(program: typer.Typer = app) -> None:
    """Run the command line and exit with the code that DESIGN names for each kind of failure.

    Args:
        program: What to run.
    """
    if sys.platform == "win32":
        _fail(UserError(_NO_WINDOWS))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows fewer letters than we use
            stream.reconfigure(errors="backslashreplace")
    limit_threads(os.environ)  # before anything heavy is imported
    try:
        with _quiet_unless_first():
            _call(program)
    except _Signalled as signalled:
        if world_of_environment().first:
            _tell("interrupted; the same command goes on from there")
        _exit(128 + signalled.number)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and nobody_reads():
            _exit(0)  # `edgessl list recipes | head -1` has had all it wanted
        if told := in_a_sentence(error):
            _fail(told)
        if world_of_environment().size == 1:
            raise
        traceback.print_exc()
        _exit(1)


_NO_WINDOWS = (
    "edgessl: must run on Linux or macOS, got Windows; use WSL2 (`wsl --install`) and run the same "
    "command there"
)


def _call(program: typer.Typer) -> None:
    """Call a program, and let out the error of a closed pipe, which typer ends with code 1."""
    try:
        program(standalone_mode=True)
    except SystemExit as ending:
        if isinstance(ending.__context__, BrokenPipeError):
            raise ending.__context__ from None
        flush_output()
        raise


@contextmanager
def _quiet_unless_first() -> Iterator[None]:
    """Let only the first of torchrun's processes speak; what ends the others is told outside."""
    if world_of_environment().first:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def _tell(message: str) -> None:
    with suppress(BrokenPipeError):  # nobody listens; the exit code says it still
        print(f"error: {message}", file=sys.stderr)


def _fail(error: EdgesslError) -> NoReturn:
    told = not world_of_environment().first if error.told is None else error.told
    if not told:
        _tell(str(error))
    _exit(error.exit_code)


def _exit(code: int) -> NoReturn:
    """End; among other processes at once, because one that is gone could keep us waiting."""
    flush_output()
    if world_of_environment().size > 1:
        os._exit(code)
    sys.exit(code)
