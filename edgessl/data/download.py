"""Named sets from the network into the cache, through torchvision, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edgessl.data.cache import appearing
from edgessl.errors import EdgesslError

_TIMEOUT_S = 60.0
_ARCHIVES = (".gz", ".tgz", ".zip", ".tar")
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM)


def download(
    name: str, dataset: str, parts: Sequence[Mapping[str, str]], folder: Path, way_out: str
) -> None:
    """Download one set.

    Args:
        name: Its name in edgessl.
        dataset: Its class in ``torchvision.datasets``.
        parts: Arguments of that class for each of its downloads.
        folder: Where it appears when it is complete.
        way_out: What to do without a network, for the message.

    Raises:
        EdgesslError: The download fails.
        UserError: The disk is full or the cache is not writable.
    """
    from torchvision import datasets

    with appearing(folder) as temporary:
        temporary.mkdir(parents=True)
        try:
            # Progress bars belong beside a JSON document, not in it.
            with _timeout(), contextlib.redirect_stdout(sys.stderr):
                for part in parts:
                    getattr(datasets, dataset)(str(temporary), **part, download=True)
        except Exception as error:  # network, checksum and archive errors share no base class
            if isinstance(error, OSError) and error.errno in _DISK:
                raise
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise EdgesslError(f"{name}: the download failed ({reason}); {way_out}") from error
        for archive in _archives(temporary):
            archive.unlink()


@contextlib.contextmanager
def _timeout() -> Iterator[None]:
    # torchvision passes no timeout, so a silent network would hang for ever.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _archives(folder: Path) -> list[Path]:
    places = (*folder.iterdir(), *folder.glob("*/*"))
    return [file for file in places if file.suffix in _ARCHIVES and file.is_file()]
