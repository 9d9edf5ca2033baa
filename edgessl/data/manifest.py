"""CSV manifests: one row per image, with the columns path, label and split."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgessl.data.class_names import class_name, trouble_with
from edgessl.data.dataset import Entry, Listing
from edgessl.data.folders import SPLIT_FOLDERS
from edgessl.errors import UserError, nearest

COLUMNS = ("path", "label", "split")
_SHOWN = 5  # mistakes listed in full


def list_manifest(file: Path, group: str | None = None) -> Listing:
    """Read a manifest. Paths are relative to its folder; label and split may be missing or empty.

    Args:
        file: A CSV file with a header row. A row without a label is unlabelled; one without a
            split belongs to train.
        group: A further column, with what an image belongs to; None for none.

    Raises:
        UserError: It is no such file, or rows are wrong; several mistakes are listed at once.
    """
    file = Path(os.path.abspath(file))
    group = group.strip().lower() if group else None
    header, rows = _rows(file, group)
    entries: dict[Path, Entry] = {}
    mistakes: list[str] = []
    for number, row in rows:
        try:
            entry = _entry(file.parent, row)
            if group and row[group]:
                entry = replace(entry, group=row[group])
            if entries.setdefault(entry.path, entry) != entry:
                twice = f"{_quoted(row['path'])} is listed twice"
                raise ValueError(f"{twice}, with another label or split")
        except ValueError as error:
            mistakes.append(f"  line {number}: {error}")
    if mistakes:
        more = [f"  and {len(mistakes) - _SHOWN} more"] if len(mistakes) > _SHOWN else []
        lines = "\n".join(mistakes[:_SHOWN] + more)
        raise UserError(f"{file}: {len(mistakes)} mistake(s)\n{lines}")
    if not entries:
        raise UserError(f"{file}: must list images, found no row; add one line per image")
    return Listing(file.stem, str(file), tuple(entries.values()), 
                   _about_columns(file, [name for name in header if name != group]))  # fmt: skip


_MEANT = {
    "label": ("class", "classes", "class_name", "category", "labels", "target", "species", "y"),
    "split": ("subset", "set", "fold", "partition", "splits"),
}
"""Other words for our columns; they are asked about where ours is missing."""


def _about_columns(file: Path, header: list[str]) -> tuple[str, ...]:
    """Say which columns are not read, and refuse those that are likely to be one of ours.

    Raises:
        UserError: A column seems to be label or split under another name.
    """
    unknown = [name for name in header if name and name not in COLUMNS]
    for ours, words in _MEANT.items():
        meant = [name for name in unknown if name in words or nearest(name, (ours,))]
        if ours not in header and meant:
            raise UserError(
                f"{file}: the columns must be called path, label and split, got "
                f"{_quoted(meant[0])}; did you mean {ours}? Rename that column, or remove it"
            )
    if not unknown:
        return ()
    return (f"Columns that are not read: {', '.join(map(_quoted, unknown[:_SHOWN]))}.",)


def _rows(file: Path, group: str | None) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text, skipinitialspace=True)
            header = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            wanted = (*COLUMNS, group) if group else COLUMNS
            rows = [
                (reader.line_num, {key: (row.get(key) or "").strip() for key in wanted})
                for row in reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file}: must be a CSV file in UTF-8, got: {error}") from error
    except OSError as error:
        raise UserError(f"{file}: must be readable, got '{error.strerror}'") from error
    for mark, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if "path" not in header and "path" in ",".join(header).replace(mark, ",").split(","):
            raise UserError(
                f"{file}: must have commas between its columns, got {word}; save it with commas"
            )
    if "path" not in header:
        raise UserError(
            f"{file}: must start with the header path,label,split, got "
            f"{_quoted(','.join(header)[:80])}; add it as the first line"
        )
    if group and group not in header:
        raise UserError(
            f"--val-group: must be 'parent' or a column of {file}, got '{group}'"
            f"{nearest(group, header) or '; it has ' + _quoted(','.join(header))}"
        )
    return header, rows


def _entry(folder: Path, row: Mapping[str, str]) -> Entry:
    if not row["path"]:
        raise ValueError("path must not be empty")
    path = folder / row["path"]
    if not _is_file(path):
        raise ValueError(f"no file {_quoted(row['path'])} in {folder}")
    if trouble := trouble_with(row["label"]):
        raise ValueError(f"label {trouble}, got {row['label']!a}")
    split = SPLIT_FOLDERS.get(row["split"].lower() or "train")
    if split is None:
        hint = nearest(row["split"].lower(), SPLIT_FOLDERS)
        got = _quoted(row["split"])
        raise ValueError(f"split must be train, val, test or unlabeled, got {got}{hint}")
    if split == "unlabeled" or not row["label"]:
        return Entry(path, None, "test" if split in ("test", "val") else "unlabeled")
    return Entry(path, class_name(row["label"]), split)


def _is_file(path: Path) -> bool:
    """Tell whether there is a file; a cell of thousands of letters is the name of none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _quoted(cell: str) -> str:
    """Quote a cell for a message of one line, cut to a length that can be read."""
    text = f"'{cell}'" if cell.isprintable() else ascii(cell)
    return text if len(text) <= 120 else text[:117] + "..."
