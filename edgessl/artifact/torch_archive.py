"""The zip archives of PyTorch's formats, read by us before PyTorch sees them. Needs no torch."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from edgessl.torch_zip import plain_members

_EXTRA = "extra/"


def read_records(content: bytes) -> dict[str, bytes]:
    """Read the records of an archive, by name without the folder that all of them lie in.

    Args:
        content: Of a ``.pt2`` or ``.torchscript`` file.

    Raises:
        ValueError: It is no such archive, a record is damaged or compressed, or two records have
            names that one reader or another would take for the same.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return dict(_records(archive))
    except MemoryError:
        raise
    except Exception as error:  # zipfile raises nearly anything on damaged bytes
        raise ValueError(f"no archive of torch: {error}") from error


def stored_text(records: dict[str, bytes], key: str) -> str:
    """Return a text that was stored as an extra file; empty if there is none.

    Args:
        records: What ``read_records`` returned.
        key: Its name.

    Raises:
        ValueError: It is no text.
    """
    return records.get(_EXTRA + key, b"").decode("utf-8")


def _records(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    roots: set[str] = set()
    for info in plain_members(archive):
        root, _, name = info.filename.partition("/")
        roots.add(root)
        if len(roots) > 1 or not name:
            raise ValueError(f"{info.filename} is out of place")
        yield name, archive.read(info)  # compares its checksum
