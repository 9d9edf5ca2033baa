"""The rule that every mutated file is held to, and what a command did when it was given one.

A command ends with code 0 and the right answer, or with code 2 and one message. It never ends in a
traceback, gives another number where a checksum could have told, runs code from a file, writes
outside the paths it says, or leaves a temporary file.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from traceback import format_exception

from archives import BAIT
from typer.testing import CliRunner

from edgessl.cli import app
from edgessl.cli.failures import in_a_sentence

MEMORY = "memory: must be enough"
"""What a file that asks for more than the machine has may end with, and code 1."""
_LONGEST = 20_000  # characters of a message; some list every key they know


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did.

    Attributes:
        code: Its exit code.
        answer: What it said on stdout; of a function, what it returned, in words.
        message: What it said on stderr, or the error in a sentence.
        traceback: Of a bug; empty for anything else.
    """

    code: int
    answer: str
    message: str = ""
    traceback: str = ""


Run = Callable[[Path], Outcome]
"""Does something with the files in a folder."""


def command(*arguments: str) -> Run:
    """Return a run of the command line, as ``main`` would end it.

    Args:
        *arguments: As typed; ``{}`` stands for the folder.
    """

    def run(folder: Path) -> Outcome:
        typed = [argument.replace("{}", str(folder)) for argument in arguments]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries, which show them on a terminal
            done = CliRunner().invoke(app, typed)
        error = done.exception
        if error is None or isinstance(error, SystemExit):
            return Outcome(done.exit_code, done.stdout, done.stderr)
        return _ended(error, done.stdout)

    return run


def function(ask: Callable[[Path], object]) -> Run:
    """Return a run of a function of the package.

    Args:
        ask: Takes the folder; returns the answer.
    """

    def run(folder: Path) -> Outcome:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Outcome(0, str(ask(folder)))
        except Exception as error:
            return _ended(error, "")

    return run


def _ended(error: BaseException, answer: str) -> Outcome:
    told = in_a_sentence(error)
    if told is not None:
        return Outcome(told.exit_code, answer, str(told))
    return Outcome(1, answer, str(error), "".join(format_exception(error)))


def refuses(error_type: type[Exception], ask: Callable[[Path], object]) -> Run:
    """Return a run of a function outside the package that has an error of its own for bad input.

    Args:
        error_type: That error.
        ask: Takes the folder; returns the answer.
    """

    def run(folder: Path) -> Outcome:
        try:
            return Outcome(0, str(ask(folder)))
        except error_type as error:
            return Outcome(2, "", str(error))
        except Exception as error:
            return _ended(error, "")

    return run


def broken(outcome: Outcome, *, right: str | None, codes: Collection[int]) -> str:
    """Say which part of the rule an outcome breaks; empty if it keeps it.

    Args:
        outcome: What a command did with a mutated file.
        right: The only answer that may come with code 0; None where the file may say another.
        codes: Exit codes that are allowed beside 0 and 2.
    """
    if outcome.traceback:
        return f"traceback\n{outcome.traceback}"
    if outcome.code == 0:
        if right is not None and outcome.answer != right:
            return f"changed answer\nbefore {right[-600:]}\nnow    {outcome.answer[-600:]}"
        return _no_json(outcome.answer)
    if outcome.code == 1 and outcome.message.startswith(MEMORY):
        return ""
    if outcome.code not in (2, *codes):
        return f"exit code {outcome.code}: {outcome.message[:600]}"
    if not outcome.message.strip() or "Traceback (most" in outcome.message:
        return f"no message, or a traceback in it: {outcome.message[:600]!r}"
    if len(outcome.message) > _LONGEST:
        return f"a message of {len(outcome.message)} characters: {outcome.message[:300]}"
    return ""


def _no_json(answer: str) -> str:
    """Tell what starts like JSON and is none, or has numbers that JSON has not."""
    if not answer.startswith("{"):
        return ""
    try:
        json.loads(answer, parse_constant=_refuse)
    except ValueError as error:
        return f"an answer that is no JSON ({error}): {answer[:300]}"
    return ""


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every path below a folder with its size and time of change.

    Args:
        folder: Where to look.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        known = (0, 0) if path.is_dir() else (status.st_size, status.st_mtime_ns)
        found[str(path.relative_to(folder))] = known
    return found


def left_behind(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], writes: Collection[str]
) -> str:
    """Say which paths were made, changed or removed that should not be; empty if none.

    Args:
        before: ``listing`` of the working folder.
        after: The same, once the command has ended.
        writes: Where the command may write: beginnings of paths.
    """
    if any(name.endswith(BAIT) for name in after):
        return "code was run"
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    foreign = sorted(
        name for name in changed if name.endswith(".tmp") or not name.startswith(tuple(writes))
    )
    return f"paths that are not its own: {', '.join(foreign)}" if foreign else ""
