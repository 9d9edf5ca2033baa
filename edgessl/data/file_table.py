"""Paths and digests of many files in one block of bytes, which processes share."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

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
