"""However a command ends, its exit code is the one that DESIGN names."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline.tiny_run import ENGINE, write_images, write_recipe

import edgessl
from edgessl.cli import main

PROGRAM = """
import errno, os, sys, typer
from edgessl.cli import main
from edgessl.errors import GateFailed
program = typer.Typer(pretty_exceptions_enable=False)
@program.command()
def run() -> None:
    {body}
main(program)
"""


def _run_without_reader(
    arguments: list[str], *, stderr_too: bool = False
) -> tuple[int, bytes]:
    """Run Python with a pipe as stdout that nobody reads; return its exit code and stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}  # what is printed comes out at the end
    done = subprocess.run(
        [sys.executable, *arguments], check=False, stdout=writer, env=environment,
        stderr=writer if stderr_too else subprocess.PIPE,
    )  # fmt: skip
    os.close(writer)
    return done.returncode, done.stderr or b""


@pytest.mark.parametrize(
    "command",
    [["list", "recipes"], ["list", "recipes", "--json"], ["list", "backbones"], ["--help"],
     ["show", "mobilenetv2-dino"], ["--version"]],
    ids=" ".join,
)
def test_a_reader_that_has_gone_ends_a_command_in_silence(command: list[str]) -> None:
    assert _run_without_reader(["-m", "edgessl", *command]) == (0, b"")


def test_a_reader_that_has_gone_ends_a_run_in_silence_too(tmp_path: Path) -> None:
    data = write_images(tmp_path / "images", count=6)
    command = ["recipe", str(write_recipe(tmp_path)), "--data", str(data), "--plan",
               *(word for setting in ENGINE for word in ("--set", setting))]  # fmt: skip
    assert _run_without_reader(["-m", "edgessl", *command, "--device", "cpu"]) == (0, b"")


def test_a_pipeline_ends_with_0_and_in_silence() -> None:
    line = f"set -o pipefail; {sys.executable} -m edgessl list recipes | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("factory: ")
    assert done.stdout.count("\n") == 1


def test_a_mistake_that_nobody_reads_of_keeps_its_code() -> None:
    assert _run_without_reader(["-m", "edgessl", "list", "x"], stderr_too=True)[0] == 2


def test_a_gate_that_fails_keeps_its_code_when_nobody_reads_the_rest() -> None:
    body = "print('passed'); raise GateFailed('a gate: must pass')"
    code, told = _run_without_reader(["-c", PROGRAM.format(body=body)])
    assert (code, told) == (3, b"error: a gate: must pass\n")


def test_a_pipe_to_something_else_that_breaks_is_a_failure() -> None:
    body = "a, b = os.pipe(); os.close(a); os.write(b, b'x')"
    command = [sys.executable, "-c", PROGRAM.format(body=body)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "BrokenPipeError" in done.stderr


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [("ENOSPC", 2, "error: disk: must be writable, got 'No space left on device'; "),
     ("EIO", 1, "Traceback ")],
)
@pytest.mark.parametrize("size", [1, 2])
def test_an_error_of_the_system_ends_a_process_among_others_at_once(
    name: str, code: int, told: str, size: int
) -> None:
    """A thread that waits for the others must not keep the process."""
    body = f"""
    import threading, time
    if {size} > 1:
        threading.Thread(target=time.sleep, args=(60,)).start()
    raise OSError(errno.{name}, os.strerror(errno.{name}))
    """
    environment = {**os.environ, "RANK": "0", "WORLD_SIZE": str(size), "LOCAL_RANK": "0"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)], capture_output=True, text=True,
        check=False, env=environment, timeout=30,
    )  # fmt: skip
    assert done.returncode == code
    assert done.stderr.startswith(told)


@pytest.fixture
def _handlers_kept() -> Iterator[None]:
    """Put back the signal handlers that main replaces."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers_kept")
def test_windows_is_refused_at_once_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", ["edgessl", "--version"])
    with pytest.raises(SystemExit) as ending:
        main()
    assert ending.value.code == 2
    assert capsys.readouterr() == (
        "",
        "error: edgessl: must run on Linux or macOS, got Windows; use WSL2 (`wsl --install`) and "
        "run the same command there\n",
    )


def test_no_module_needs_what_only_some_systems_have_to_be_imported() -> None:
    """So that Windows gets the message, and macOS whatever works there."""
    package = Path(edgessl.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in getattr(node, "names", ())]
            found = {*names, getattr(node, "module", None)} & {"fcntl", "resource", "termios"}
            assert not found, f"{path} imports {found} at its top"
