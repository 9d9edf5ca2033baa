"""Images of a set too large to pack: decoded anew in every epoch, by worker processes.

Not by torch's DataLoader. Its workers import torch: 310 MB each where these take 20, and 8 s until
the first batch where these need 0.3 (two busy cores, torch 2.14). It raises the death of a worker
from a signal handler, in whatever step or save is under way. And its images lie in /dev/shm, of
which a container has 64 MB by default.
"""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import edgessl
from edgessl import child_process
from edgessl.data.parallel import ordered_map
from edgessl.data.store import batch_buffer
from edgessl.data.stream_worker import COUNT, write_table
from edgessl.data.value_range import ValueRange
from edgessl.errors import EdgesslError, UserError

CHUNK = 16  # images that a worker decodes at a time: some 20 ms of work


class StreamStore:
    """Images in their original files; gives the pixels that a pack would hold.

    The workers live as long as one iteration over batches, and no longer.

    Args:
        paths: The files.
        digests: SHA-1 of each file's content.
        sizes: Height and width of the upright originals, ``(N, 2)``.
        size_px: S, the side of the images.
        workers: Processes that decode.
        value_range: What is black and white where a channel has more than 8 bits.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        digests: Sequence[str],
        sizes: NDArray[np.int32],
        size_px: int,
        workers: int,
        value_range: ValueRange | None = None,
    ) -> None:
        self.sizes = sizes
        self._size_px = size_px
        self._workers = workers
        self._value_range = value_range
        self._table = _shared_file()
        weakref.finalize(self, self._table.close)
        write_table(self._table, paths, digests)

    def __len__(self) -> int:
        return len(self.sizes)

    def batches(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[Tensor]:
        """Yield the images of every batch, about two batches ahead; see ``ImageStore``.

        Raises:
            UserError: A file has changed since it was listed, or is gone.
            EdgesslError: A worker died, or a file cannot be read now.
        """
        ids = iter(ids)
        first = next(ids, None)
        if first is None:
            return
        ahead = 2 * max(self._workers, -(-len(first) // CHUNK))
        parts = self._parts(chain([first], ids), device)
        with ExitStack() as stack:
            idle: SimpleQueue[_Worker] = SimpleQueue()
            for _ in range(self._workers):
                worker = _Worker(self._table.fileno(), self._size_px, self._value_range)
                idle.put(stack.enter_context(worker))

            def decode(part: _Part) -> _Part:
                worker = idle.get()
                try:
                    worker.decode(part.ids, part.pixels)
                finally:
                    idle.put(worker)
                return part

            done = ordered_map(decode, parts, threads=self._workers, ahead=ahead)
            for part in stack.enter_context(closing(done)):
                if part.last:
                    yield part.batch.to(device, non_blocking=True)

    def _parts(self, ids: Iterable[NDArray[np.int64]], device: torch.device) -> Iterator[_Part]:
        for chosen in ids:
            batch = batch_buffer(len(chosen), self._size_px, device)
            pixels = batch.numpy()
            for start in range(0, len(chosen), CHUNK):
                part = slice(start, start + CHUNK)
                last = start + CHUNK >= len(chosen)
                yield _Part(batch, chosen[part], pixels[part], last)


@dataclass(frozen=True, slots=True)
class _Part:
    """A few images of a batch; ``last`` if the batch is complete with them."""

    batch: Tensor
    ids: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    last: bool


class _Worker:
    """A process that decodes. Use it as a context manager."""

    def __init__(self, table_fd: int, size_px: int, value_range: ValueRange | None) -> None:
        self._memory = _shared_file()
        self._memory.truncate(CHUNK * 3 * size_px * size_px)
        mapped = mmap.mmap(self._memory.fileno(), 0)
        self._pixels = np.frombuffer(mapped, np.uint8).reshape(CHUNK, 3, size_px, size_px)
        package = str(Path(edgessl.__file__).resolve().parents[1])
        inherited = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([package, *([inherited] if inherited else [])])
        fds = (table_fd, self._memory.fileno())
        arguments = [str(number) for number in (*fds, size_px)]
        if value_range is not None:
            arguments.append(json.dumps(value_range.to_dict()))
        # -P: a numpy.py in the user's folder must not shadow the package. Its own session: Ctrl-C
        # is for this process, which ends its workers by closing their input, whatever ends it.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgessl.data.stream_worker", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=fds, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        )

    def decode(self, ids: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        """Decode up to ``CHUNK`` images into ``(n, 3, S, S)``."""
        message = self._ask(ids)
        if message is None:
            raise EdgesslError(
                f"a process that decodes images died (exit code {self._process.wait()}); "
                "the machine may be short of memory; the same command goes on"
            )
        if message:
            code, _, message = message.partition(" ")
            raise (UserError if code == "2" else EdgesslError)(message)
        np.copyto(out, self._pixels[: len(ids)])

    def _ask(self, ids: NDArray[np.int64]) -> str | None:
        """Return an error message, empty if all went well; None if the process is dead."""
        assert self._process.stdin is not None  # opened as pipes above
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(COUNT.pack(len(ids)) + ids.tobytes())
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        header = self._process.stdout.read(COUNT.size)
        if len(header) < COUNT.size:
            return None
        content = self._process.stdout.read(COUNT.unpack(header)[0])
        return content.decode("utf-8", "surrogateescape")

    def __enter__(self) -> _Worker:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        child_process.end(self._process)
        self._memory.close()


def _shared_file() -> BinaryIO:
    """Return an empty file without a name, gone with the last process that has it open."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("edgessl"), "rb+")
    return tempfile.TemporaryFile()
