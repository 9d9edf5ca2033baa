"""Where named sets are found, and which folders have the layout of one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from edgessl.data.archives import ARCHIVES
from edgessl.data.cache import cache_part
from edgessl.data.dataset import Entry, Listing
from edgessl.data.download import download
from edgessl.data.named_sets import Layout, NamedSet, named_sets
from edgessl.errors import UserError
from edgessl.files import expanded

__all__ = ["home_of", "list_named", "named_sets", "recognise"]


def list_named(name: str, *, may_download: bool = True) -> Listing:
    """List a named set: from ``EDGESSL_DATA``, else the cache, else the network.

    Args:
        name: A key of ``named_sets()``.
        may_download: Whether the network may be asked.

    Raises:
        EdgesslError: It is nowhere on this machine and cannot be downloaded.
        UserError: It is nowhere on this machine and may not be downloaded, its files are not what
            the layout promises, or the cache is not writable.
    """
    cached = cache_part("sets") / name
    known = named_sets()[name]
    for home in _homes(name):
        if found := _found(known, home):
            return _listing(name, name, *found)
    if not may_download or not known.dataset:
        way_out = f"edgessl data {name} downloads it ({known.download_mb} MB)"
        raise UserError(
            f"{name}: must be on this machine, found it neither in {cached} nor in $EDGESSL_DATA; "
            f"{way_out if known.dataset else _way_out(name, cached)}"
        )
    download(name, ARCHIVES[name], cached, _way_out(name, cached))
    found = _found(known, cached)
    if found is None:
        way_out = _way_out(name, cached)
        raise UserError(f"{cached}: must hold {name} after the download, got less; {way_out}")
    return _listing(name, name, *found)


def home_of(source: str) -> Path | None:
    """Return the folder of a source: its own, that of a manifest, or where a named set lies.

    Args:
        source: What the user passed as ``--data``.

    Returns:
        None where it is not on this machine.
    """
    path = expanded(source)
    if path.exists():
        return path if path.is_dir() else path.parent
    if source not in named_sets():
        return None
    found = (_found(named_sets()[source], home) for home in _homes(source))
    return next((base for one in found if one for base in one[:1]), None)


def recognise(folder: Path) -> Listing | None:
    """List a folder that has the layout of a named set; None if it has none."""
    home = Path(os.path.abspath(folder))
    for name, known in named_sets().items():
        if found := _found(known, home):
            return _listing(name, str(home), *found)
    return None


def _homes(name: str) -> list[Path]:
    """Return where a set is looked for, in this order."""
    chosen = os.environ.get("EDGESSL_DATA")
    homes = [expanded(chosen) / name, expanded(chosen)] if chosen else []
    return [*homes, cache_part("sets") / name]


def _found(known: NamedSet, home: Path) -> tuple[Path, Layout] | None:
    """Return the base of a set in a folder, and how it is laid out there."""
    for layout in known.layouts:
        for base in layout.bases:
            if all(_has(home / base, need) for need in layout.needs):
                return home / base, layout
    return None


def _has(base: Path, need: str) -> bool:
    if "*" in need:
        within, _, pattern = need.rstrip("/").rpartition("/")
        fitting = (base / within).glob(pattern) if (base / within).is_dir() else iter(())
        return next(fitting, None) is not None
    return (base / need).is_dir() if need.endswith("/") else (base / need).is_file()


def _listing(name: str, source: str, base: Path, layout: Layout) -> Listing:
    known = named_sets()[name]
    try:
        entries = layout.read(base)
        _refuse_outside(entries, base)
    except Exception as error:  # files from elsewhere: any of them may hold anything
        if isinstance(error, UserError | MemoryError) or _of_system(error):
            raise
        raise UserError(
            f"{base}: must be a sound copy of {name}, got {type(error).__name__}: {error}; "
            "copy it again, or remove it to download it"
        ) from error
    counts = Counter(entry.split for entry in entries)
    notes = [f"Read as {name} ({known.classes} classes: {known.about}) from {base}."]
    if (counts["train"], counts["test"]) != (known.train, known.test):
        about = "" if known.counted else "about "
        notes.append(
            f"This copy lists {counts['train']} + {counts['test']} images; "
            f"the complete set has {about}{known.train} + {known.test}."
        )
    return Listing(name, source, tuple(entries), tuple(notes), official=known.test > 0)


def _refuse_outside(entries: Iterable[Entry], base: Path) -> None:
    """Refuse lists that name files elsewhere: a list is no place for paths."""
    homes = (f"{base}{os.sep}", f"{cache_part('sets')}{os.sep}")  # CIFAR is unpacked there
    for entry in entries:
        path = str(entry.path)
        if not path.startswith(homes) or f"{os.sep}..{os.sep}" in path.removeprefix(homes[0]):
            raise ValueError(f"a list names {path!a}, which lies elsewhere")


def _of_system(error: Exception) -> bool:
    """Say whether the disk or a limit failed, which says nothing about the files."""
    gone = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
    return isinstance(error, OSError) and error.errno is not None and not isinstance(error, gone)


def _way_out(name: str, cached: Path) -> str:
    known = named_sets()[name]
    usual = known.layouts[0]
    needs = ", ".join(f"{usual.bases[0]}/{need}".removeprefix("/") for need in usual.needs)
    page = f", from {known.page}," if known.page else ""
    if not known.dataset:
        return (
            f"put the set's own files ({known.download_mb} MB){page} into {cached} or "
            f"$EDGESSL_DATA/{name}: {needs}"
        )
    return (
        f"connect to the network ({known.download_mb} MB), or put the set's own files{page} into "
        f"{cached} or $EDGESSL_DATA/{name}: {needs}"
    )
