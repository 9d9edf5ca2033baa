"""The process that decodes images for a stream: ids in, pixels into shared memory, a word back.

It imports no torch, remembers nothing, and ends when the process that started it does, since its
standard input ends then.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from typing import BinaryIO

import numpy as np

from edgessl.data.file_table import FileTable
from edgessl.data.squash import squash
from edgessl.errors import UserError

COUNT = struct.Struct("<q")  # of the ids that follow, or of the bytes of an error message


def serve(table_fd: int, pixels_fd: int, size_px: int) -> None:
    """Answer requests until there are no more.

    A request is a count and as many ids; the answer is the length of an error message and the
    message, or 0 once the pixels are in shared memory.

    Args:
        table_fd: Descriptor of the file table.
        pixels_fd: Descriptor of the memory for pixels, ``(n, 3, S, S)`` uint8.
        size_px: S.
    """
    requests, answers = _pipes()
    table = FileTable(mmap.mmap(table_fd, 0, access=mmap.ACCESS_READ))
    pixels = np.frombuffer(mmap.mmap(pixels_fd, 0), np.uint8).reshape(-1, 3, size_px, size_px)
    while header := requests.read(COUNT.size):
        content = requests.read(8 * COUNT.unpack(header)[0])
        message = b""
        try:
            for i, sample in enumerate(np.frombuffer(content, np.int64).tolist()):
                pixels[i] = squash(*table[sample], size_px)[0]
        except UserError as error:
            message = str(error).encode("utf-8", "surrogateescape")
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
    serve(*(int(word) for word in sys.argv[1:]))
