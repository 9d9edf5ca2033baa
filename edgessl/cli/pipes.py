"""Output into a pipe whose reader has gone, such as ``| head -1``."""

from __future__ import annotations

import os
import select
import sys

_STDOUT, _STDERR = 1, 2


def nobody_reads() -> bool:
    """Say whether what this process prints goes into a pipe that is closed at its other end."""
    poll = select.poll()
    for descriptor in (_STDOUT, _STDERR):
        poll.register(descriptor, 0)  # such a pipe is told of unasked
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def flush_output() -> None:
    """Print what is left, or drop it where nobody reads it.

    Python would do so when it ends, and then end with code 120 and a message if nobody reads it.
    """
    for stream, descriptor in ((sys.stdout, _STDOUT), (sys.stderr, _STDERR)):
        try:
            if stream is not None:  # closed before the start: `>&-`
                stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
