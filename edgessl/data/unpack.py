"""Archives from elsewhere, unpacked so that nothing of them lands outside of one folder."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
_MOST_TIMES_LARGER = 4  # than the archive: photographs hardly shrink
_SPARE_BYTES = 100 * 10**6  # for lists and labels, which do


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive.

    Args:
        archive: A file whose name has one of ``ENDINGS``.
        folder: Where its content goes; made if it is not there.

    Raises:
        ValueError: It is damaged; or a member would lie outside of the folder, is no plain file,
            or makes the content far larger than the archive. Nothing was unpacked then, unless
            the damage lies within a member.
        OSError: The disk fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    room = _MOST_TIMES_LARGER * archive.stat().st_size + _SPARE_BYTES
    try:
        if archive.name.endswith(".zip"):
            _unzip(archive, folder, room)
        else:
            _untar(archive, folder, room)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(f"{archive.name}: {error}") from error


def _untar(archive: Path, folder: Path, room: int) -> None:
    with tarfile.open(archive) as opened:
        opened.extractall(folder, members=_plain(opened, archive, room), filter="data")


def _plain(opened: tarfile.TarFile, archive: Path, room: int) -> list[tarfile.TarInfo]:
    members = []
    for member in opened:
        _refuse_outside(member.name, archive)
        if not (member.isfile() or member.isdir()):
            raise ValueError(f"{archive.name}: {member.name!a} is no plain file")
        room = _left(room, member.size, archive)
        members.append(member)
    return members


def _unzip(archive: Path, folder: Path, room: int) -> None:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            _refuse_outside(info.filename, archive)
            room = _left(room, info.file_size, archive)
        opened.extractall(folder)  # what is longer than it says is damaged


def _refuse_outside(name: str, archive: Path) -> None:
    if not is_inside(name):
        raise ValueError(f"{archive.name}: {name!a} lies outside of it")


def is_inside(name: str) -> bool:
    """Say whether a relative name stays in the folder that it is relative to, on any system.

    Args:
        name: With slashes.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return bool(name) and not name.startswith(("/", "\\")) and not (
        ".." in parts or any(":" in part for part in parts[:1]) or "\0" in name
    )


def _left(room: int, size: int, archive: Path) -> int:
    if size > room:
        raise ValueError(f"{archive.name}: unpacked it would be many times larger")
    return room - size


def unpackable(name: str) -> bool:
    """Say whether a file is an archive, by its name."""
    return name.endswith(ENDINGS)
