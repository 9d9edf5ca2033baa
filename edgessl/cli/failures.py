"""What fails around the program, in a sentence: memory, disk, limits. A bug keeps its traceback."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path

from edgessl.errors import EdgesslError, Interrupted, UserError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EROFS, errno.EPERM)
_BROKEN = (
    errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT, errno.ENXIO,
    errno.ENODEV, errno.EAGAIN,
)  # fmt: skip

_NO_MEMORY = re.compile(
    r"DefaultCPUAllocator|can.?t allocate memory|cannot allocate memory|not enough memory"
    r"|out of memory|failed to allocate memory|bad.?alloc(?:ation)?\b|unable to allocate"
    r"|failed to map segment from shared object|cannot map zero-fill pages|mmap failed"
    r"|cannot enable executable stack|cannot allocate tls|insufficient memory",
    re.IGNORECASE,
)  # PyTorch, numpy, onnxruntime, CUDA, the loader of shared libraries
_NO_THREADS = re.compile(r"can.?t start new thread|thread constructor failed|pthread_create")
_NO_SPACE = re.compile(
    r"no space left on device|file too large|disk quota exceeded"
    r"|PytorchStreamWriter failed writing",
    re.IGNORECASE,
)


def in_a_sentence(error: BaseException) -> EdgesslError | None:
    """Tell the failure of a machine from a bug, and from the user's mistake it may be taken for.

    Args:
        error: What ended a command.

    Returns:
        What to show instead of a traceback or a wrong accusation; the error itself where it says
        it already; None for a bug.
    """
    if isinstance(error, Interrupted):
        return error
    for cause in _chain(error):
        if isinstance(cause, EdgesslError):
            continue
        if isinstance(cause, MemoryError) or _is_memory(cause):
            if isinstance(error, EdgesslError) and "memory" in str(error):
                return error  # it has the better way out
            return _out_of_memory(cause)
    if isinstance(error, EdgesslError):
        return error
    if isinstance(error, OSError) and (found := _of_system(error)):
        return found
    text = str(error)
    if isinstance(error, RuntimeError) and _NO_THREADS.search(text):
        return EdgesslError(
            "machine: must let edgessl start a thread, got a limit on their number; raise it "
            "(ulimit -u, or the container's limit on processes), and give the same command again"
        )
    if isinstance(error, RuntimeError | ValueError | OSError) and _NO_SPACE.search(text):
        return UserError(
            f"disk: must have room to write, got '{_short(text)}'; free some space or choose "
            "another folder with --out"
        )
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    kinds = (RuntimeError, ImportError, OSError, SystemError)
    foreign = type(error).__module__.startswith(("onnx", "torch"))
    return (isinstance(error, kinds) or foreign) and bool(_NO_MEMORY.search(str(error)))


def _out_of_memory(cause: BaseException) -> EdgesslError:
    what = _short(str(cause)) or "out of memory"
    return EdgesslError(
        f"memory: must be enough for this, got '{what}'; close other programs, raise the limit "
        "(ulimit -v, or the container's), or take smaller images or batches, and give the same "
        "command again"
    )


def _of_system(error: OSError) -> EdgesslError | None:
    place, reason = error.filename or "disk", error.strerror or str(error)
    if isinstance(place, bytes):
        place = place.decode("utf-8", "backslashreplace")
    if error.errno in (*_FULL, *_FORBIDDEN):
        return UserError(
            f"{place}: must be writable, got '{reason}'; free some space or choose another folder "
            "with --out"
        )
    # Where EIO names no file, the traceback is all there is to go by.
    if error.errno in _BROKEN and (error.filename or error.errno != errno.EIO):
        return EdgesslError(
            f"{place}: must be readable and writable, got '{reason}'; see to the disk or the limit "
            "(ulimit -a) it names, and give the same command again"
        )
    gone = error.errno in (errno.ENOENT, errno.ENOTDIR) and isinstance(place, str)
    if gone and error.filename and not Path(place).parent.is_dir():
        return EdgesslError(
            f"{place}: must stay where it is while edgessl works, got '{reason}': the folder is "
            "gone; give the same command again"
        )
    return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:157] + "..."
