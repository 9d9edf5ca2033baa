"""Named sets from the network into the cache, checked, and whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import sys
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.request import Request, urlopen

from edgessl.data.archives import Archive
from edgessl.data.cache import appearing
from edgessl.data.unpack import unpack, unpackable
from edgessl.errors import EdgesslError

_TIMEOUT_S = 60.0  # without one, a silent network would hang for ever
_CHUNK = 2**20
_STEPS = 10  # lines that tell how far a large file is
_LARGE_MB = 50
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EPERM)


def download(name: str, archives: Sequence[Archive], folder: Path, way_out: str) -> None:
    """Download one set.

    Args:
        name: Its name in edgessl.
        archives: Its files.
        folder: Where it appears when it is complete.
        way_out: What to do without a network, for the message.

    Raises:
        EdgesslError: The download fails, or is not what was published.
        UserError: The disk is full or the cache is not writable.
    """
    with appearing(folder) as temporary:
        temporary.mkdir(parents=True)
        for archive in archives:
            try:
                _fetch(name, archive, temporary)
            except (OSError, HTTPException, ValueError) as error:  # network, checksum, archive
                if isinstance(error, OSError) and error.errno in _DISK:
                    raise
                reason = " ".join(str(error).split())[:200] or type(error).__name__
                raise EdgesslError(
                    f"{name}: the download failed ({reason}); {way_out}"
                ) from error


def _fetch(name: str, archive: Archive, root: Path) -> None:
    """Download a file, check it, and unpack it if it is an archive."""
    folder = root / archive.folder
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / archive.name
    with urlopen(Request(archive.url, headers={"User-Agent": "edgessl"}),
                 timeout=_TIMEOUT_S) as answer:  # fmt: skip
        digest = _receive(answer, file, archive, name)
    if digest != archive.md5:
        raise ValueError(
            f"{archive.url} gave a file whose MD5 is not the published {archive.md5}: it was cut "
            "short, damaged or exchanged"
        )
    if unpackable(file.name):
        _unpack(file, folder)
    for inner in archive.inside:
        _unpack(folder / inner, folder)


def _unpack(file: Path, folder: Path) -> None:
    unpack(file, folder)
    file.unlink()


def _receive(answer: BinaryIO, file: Path, archive: Archive, name: str) -> str:
    """Write what a server sends, up to the size that is expected, and tell how far it is.

    Returns:
        Its MD5, in hexadecimal.
    """
    whole = archive.size_mb * 10**6
    hasher = hashlib.md5(usedforsecurity=False)
    got, told = 0, 0
    with file.open("xb") as out:
        while chunk := answer.read(_CHUNK):
            got += len(chunk)
            if got > whole:
                raise ValueError(f"{archive.url} sends more than {archive.size_mb} MB")
            hasher.update(chunk)
            out.write(chunk)
            if archive.size_mb >= _LARGE_MB and got * _STEPS // whole > told:
                told = got * _STEPS // whole
                # Beside a JSON document, not in it.
                print(f"{name}: {archive.name}, {got / 1e6:.0f} of {archive.size_mb} MB",
                      file=sys.stderr, flush=True)  # fmt: skip
    return hasher.hexdigest()
