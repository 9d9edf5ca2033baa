"""A stream gives what the pack would give, and its worker processes never outlive it."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pictures import save

from edgessl.data.pack import build_pack
from edgessl.data.stream import StreamStore
from edgessl.data.stream_worker import FileTable, write_table
from edgessl.data.verify import verify
from edgessl.errors import EdgesslError, UserError

CPU = torch.device("cpu")
COUNT, SIZE_PX = 40, 16

FOREVER = """
import sys
from pathlib import Path
import numpy as np, torch
from edgessl.data.stream import StreamStore
from edgessl.data.verify import verify

paths = sorted(Path(sys.argv[1]).glob("*.png"))
found = verify(paths)
store = StreamStore(paths, [one.digest for one in found],
                    np.array([(one.height, one.width) for one in found], np.int32), 16, 2)
def ids():
    while True:
        yield np.arange(len(paths))
for number, _ in enumerate(store.batches(ids(), torch.device("cpu"))):
    if number == 1:
        print("streaming", flush=True)
"""


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Forty pictures of several shapes, one of them with a name in no known encoding."""
    folder = tmp_path / "pictures"
    paths = [save(folder / f"{i:02d}.png", i, (20 + i % 3, 20)) for i in range(COUNT - 1)]
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff 99.png"))
    paths[-1].rename(odd)
    return [*paths[:-1], odd, save(folder / "large.jpg", 500, (200, 100))]


def _store(paths: list[Path], workers: int) -> StreamStore:
    found = verify(paths)
    sizes = np.array([(one.height, one.width) for one in found], np.int32)
    return StreamStore(paths, [one.digest for one in found], sizes, SIZE_PX, workers)


def _order(*batches: int) -> list[NDArray[np.int64]]:
    order = np.random.default_rng(0).permutation(COUNT)
    return [np.resize(order, size).astype(np.int64) for size in batches]


def _workers() -> set[int]:
    """Return the processes that decode for this process or one that it started."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    ours = {os.getpid()}
    while more := {int(pid) for pid, parent, *_ in rows if int(parent) in ours} - ours:
        ours |= more
    return {int(pid) for pid, _, command in rows
            if int(pid) in ours and "edgessl.data.stream_worker" in command}  # fmt: skip


def _wait_for_end(pids: set[int]) -> set[int]:
    left = pids
    for _ in range(200):
        left = {pid for pid in left if _decodes(pid)}
        if not left:
            break
        time.sleep(0.05)
    return left


def _decodes(pid: int) -> bool:
    """Say whether a process still is a worker, whoever has adopted it."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True
    )
    return "edgessl.data.stream_worker" in found.stdout


@pytest.fixture
def no_worker_is_left() -> Iterator[None]:
    """Compare the workers of this machine before and after the test."""
    before = _workers()
    yield
    assert not _workers() - before


@pytest.mark.usefixtures("no_worker_is_left")
@pytest.mark.parametrize("workers", [1, 3])
def test_it_gives_the_pack_s_pixels_with_any_number_of_workers(
    paths: list[Path], workers: int
) -> None:
    pack = build_pack(paths, [found.digest for found in verify(paths)], SIZE_PX)
    ids = _order(1, 40, 17, 16, 33)
    got = list(_store(paths, workers).batches(ids, CPU))
    assert all(np.array_equal(a, pack.images[b]) for a, b in zip(got, ids, strict=True))


@pytest.mark.usefixtures("no_worker_is_left")
def test_a_changed_file_ends_it_with_the_pack_s_message(paths: list[Path]) -> None:
    store = _store(paths, 2)
    digests = [found.digest for found in verify(paths)]
    save(paths[7], 777)
    with pytest.raises(UserError) as packing:
        build_pack(paths, digests, SIZE_PX)
    with pytest.raises(UserError) as streaming:
        list(store.batches(_order(COUNT), CPU))
    assert str(streaming.value) == str(packing.value)
    assert f"{paths[7]}: must stay as it was" in str(streaming.value)


@pytest.mark.usefixtures("no_worker_is_left")
def test_an_iteration_that_is_left_ends_its_workers(paths: list[Path]) -> None:
    batches = _store(paths, 2).batches(_order(*[8] * 50), CPU)
    next(batches)
    del batches


@pytest.mark.usefixtures("no_worker_is_left")
def test_a_worker_that_dies_is_told(paths: list[Path]) -> None:
    before = _workers()
    batches = _store(paths, 1).batches(_order(*[8] * 50), CPU)
    next(batches)
    for pid in _workers() - before:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(EdgesslError, match=r"decodes images died \(exit code -9\)"):
        list(batches)


def test_workers_end_when_their_parent_is_killed(paths: list[Path]) -> None:
    before = _workers()
    command = [sys.executable, "-c", FOREVER, str(paths[0].parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "streaming\n"
        started = _workers() - before
        process.kill()
    assert len(started) == 2
    assert not _wait_for_end(started)


@pytest.mark.usefixtures("no_worker_is_left")
def test_ctrl_c_on_the_terminal_is_not_for_workers(paths: list[Path]) -> None:
    before = _workers()
    batches = _store(paths, 2).batches(_order(*[8] * 50), CPU)
    next(batches)
    started = _workers() - before
    assert len(started) == 2
    assert all(os.getsid(pid) == pid for pid in started)
    del batches


def test_no_batches_start_no_process(paths: list[Path]) -> None:
    before = _workers()
    assert list(_store(paths, 2).batches([], CPU)) == []
    assert _workers() == before


def test_a_table_gives_back_every_path_and_digest(paths: list[Path], tmp_path: Path) -> None:
    digests = [found.digest for found in verify(paths)]
    with (tmp_path / "table").open("wb+") as file:
        write_table(file, paths, digests)
        table = FileTable(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    assert [table[i] for i in range(COUNT)] == list(zip(paths, digests, strict=True))
