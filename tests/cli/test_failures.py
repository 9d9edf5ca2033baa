"""A machine that fails is told in one message, with its exit code; a bug keeps its traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgessl.cli.failures import in_a_sentence
from edgessl.errors import EdgesslError, Interrupted, UserError

MEMORY = (
    MemoryError(),
    MemoryError("Unable to allocate 7.45 GiB for an array with shape (1000, 1000, 1000)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't "
                 "allocate memory: you tried to allocate 411041792 bytes."),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("std::bad_alloc"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OSError("libx.so: failed to map segment from shared object"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ImportError("libopenblas.so: cannot allocate memory in static TLS block"),
)


@pytest.mark.parametrize("error", MEMORY, ids=lambda error: str(error)[:20] or "plain")
def test_too_little_memory_is_the_machine_s(error: Exception) -> None:
    found = in_a_sentence(error)
    assert found is not None
    assert found.exit_code == 1
    assert str(found).startswith("memory: must be enough for this, got '")
    assert "\n" not in str(found)


@pytest.mark.parametrize("error", MEMORY[:4], ids=lambda error: str(error)[:20] or "plain")
def test_nobody_is_accused_of_what_the_memory_did(error: Exception) -> None:
    accusation = UserError("--opset: must be one that can express this network; try 17")
    accusation.__cause__ = error
    found = in_a_sentence(accusation)
    assert found is not None
    assert (found.exit_code, str(found).split(":")[0]) == (1, "memory")


def test_a_message_about_memory_keeps_its_own_way_out() -> None:
    error = EdgesslError("a.png: must fit into the memory that is free; free some")
    error.__cause__ = MemoryError()
    assert in_a_sentence(error) is error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES,
                                    errno.EROFS, errno.EPERM])  # fmt: skip
def test_a_disk_that_takes_no_more_is_the_user_s(number: int) -> None:
    found = in_a_sentence(OSError(number, os.strerror(number), "runs/a/ckpt.pt"))
    assert isinstance(found, UserError)
    assert str(found) == (
        f"runs/a/ckpt.pt: must be writable, got '{os.strerror(number)}'; free some space or choose "
        "another folder with --out"
    )


def test_so_is_one_that_torch_speaks_of_in_its_own_words() -> None:
    found = in_a_sentence(RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file"))
    assert isinstance(found, UserError)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE])
def test_a_disk_or_limit_that_fails_is_the_machine_s(number: int) -> None:
    found = in_a_sentence(OSError(number, os.strerror(number), "a"))
    assert found is not None
    assert found.exit_code == 1
    assert f"got '{os.strerror(number)}'" in str(found)


def test_too_few_threads_are_the_machine_s() -> None:
    found = in_a_sentence(RuntimeError("can't start new thread"))
    assert found is not None
    assert found.exit_code == 1


def test_a_folder_that_was_deleted_meanwhile_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "run" / "log.jsonl"
    found = in_a_sentence(FileNotFoundError(errno.ENOENT, "No such file or directory", str(gone)))
    assert found is not None
    assert found.exit_code == 1
    assert str(found).startswith(f"{gone}: must stay where it is while edgessl works")


@pytest.mark.parametrize("error", [
    KeyError("a"), RuntimeError("mat1 and mat2 shapes"), ImportError("No module named 'x'"),
    ValueError("not right"), OSError(errno.ENOENT, "No such file", __file__ + "x"),
    AssertionError(), RecursionError("too deep"), OSError("something else"),
])  # fmt: skip
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    assert in_a_sentence(error) is None


def test_what_is_expected_is_told_as_it_is() -> None:
    for error in (UserError("a: must be b"), Interrupted("saved", 2)):
        assert in_a_sentence(error) is error


PROGRAM = """
import errno, typer
from edgessl.cli import main
program = typer.Typer(pretty_exceptions_enable=False)
@program.command()
def run() -> None:
    {body}
main(program)
"""


@pytest.mark.parametrize(
    ("body", "code"),
    [("raise MemoryError", 1), ("raise OSError(errno.EFBIG, 'File too large', 'x')", 2),
     ("open('/dev/full', 'w', buffering=1).write('x' * 9000)", 2),
     ("raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory')", 1)],
)  # fmt: skip
def test_a_command_ends_with_one_line(body: str, code: int) -> None:
    command = [sys.executable, "-c", PROGRAM.format(body=body)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_libraries_that_do_not_fit_into_the_address_space_are_one_line(tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (300 * 2**20,) * 2)\n"
    script = (
        "import sys; from edgessl.cli import main\n" + limited
        + "sys.argv = ['edgessl', 'predict', 'a.pt', 'b.png']; main()"
    )
    (tmp_path / "a.pt").write_bytes(b"x")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: memory: must be enough for this")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict"])
def test_a_terminal_of_few_letters_is_served(encoding: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(body="print('… ä 日')")]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u2026" in done.stdout
