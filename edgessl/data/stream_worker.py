"""The process that decodes images for a stream: ids in, pixels into shared memory, a word back.

Which files they are is in a table of paths and digests, one block of bytes that all workers share.
It imports no torch, remembers nothing, and ends when the process that started it does, since its
standard input ends then.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from edgessl.data.squash import squash
from edgessl.data.value_range import ValueRange
from edgessl.errors import EdgesslError

COUNT = struct.Struct("<q")  # of the ids that follow, or of the bytes of an error message
_DIGEST_BYTES = 20  # SHA-1


class FileTable:
    """Reads the block: sample id -> path and digest.

    Args:
        block: What ``write_table`` wrote.
    """

    def __init__(self, block: mmap.mmap) -> None:
        count = int(np.frombuffer(block, np.int64, 1)[0])
        self._block = block
        self._ends = np.frombuffer(block, np.int64, count + 1, 8)
        self._digests = 8 + self._ends.nbytes

    def __getitem__(self, sample: int) -> tuple[Path, str]:
        """Return the path of a file and the SHA-1 of its content, in hexadecimal."""
        start, end = self._ends[sample : sample + 2].tolist()
        digest = self._digests + _DIGEST_BYTES * sample
        path = Path(os.fsdecode(self._block[start:end]))
        return path, self._block[digest : digest + _DIGEST_BYTES].hex()


def write_table(file: BinaryIO, paths: Sequence[Path], digests: Sequence[str]) -> None:
    """Write paths and digests as one block.

    Args:
        file: Where to, empty.
        paths: The files, absolute.
        digests: SHA-1 of each file's content, in hexadecimal.
    """
    names = [os.fsencode(path) for path in paths]
    ends = np.zeros(len(names) + 1, np.int64)
    np.cumsum([len(name) for name in names], out=ends[1:])
    ends += 8 + ends.nbytes + _DIGEST_BYTES * len(names)
    file.write(np.int64(len(names)).tobytes() + ends.tobytes())
    file.write(bytes.fromhex("".join(digests)))
    file.write(b"".join(names))
    file.flush()


def serve(
    table_fd: int, pixels_fd: int, size_px: int, value_range: ValueRange | None = None
) -> None:
    """Answer requests until there are no more.

    A request is a count and as many ids; the answer is the length of an error message and the
    message, which begins with its exit code, or 0 once the pixels are in shared memory.

    Args:
        table_fd: Descriptor of the file table.
        pixels_fd: Descriptor of the memory for pixels, ``(n, 3, S, S)`` uint8.
        size_px: S.
        value_range: What is black and white where a channel has more than 8 bits.
    """
    requests, answers = _pipes()
    table = FileTable(mmap.mmap(table_fd, 0, access=mmap.ACCESS_READ))
    pixels = np.frombuffer(mmap.mmap(pixels_fd, 0), np.uint8).reshape(-1, 3, size_px, size_px)
    while header := requests.read(COUNT.size):
        content = requests.read(8 * COUNT.unpack(header)[0])
        message = b""
        try:
            for i, sample in enumerate(np.frombuffer(content, np.int64).tolist()):
                pixels[i] = squash(*table[sample], size_px, value_range)[0]
        except EdgesslError as error:
            message = f"{error.exit_code} {error}".encode("utf-8", "surrogateescape")
        try:
            answers.write(COUNT.pack(len(message)) + message)
            answers.flush()
        except BrokenPipeError:  # nobody waits for it any more
            return


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes; what a decoder prints goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return os.fdopen(os.dup(0), "rb"), answers


if __name__ == "__main__":
    scale = ValueRange.from_dict(json.loads(sys.argv[4])) if len(sys.argv) > 4 else None
    table, memory, side = (int(word) for word in sys.argv[1:4])
    serve(table, memory, side, scale)
