"""CSV manifests: one row per image, with the columns path, label and split."""

from __future__ import annotations

import csv
import os
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgessl.data.class_names import class_name, trouble_with
from edgessl.data.dataset import Entry, Listing, SplitName
from edgessl.data.marks import marked_label, marks_in_words, mistaken_marks
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.data.split_names import SPLIT_FOLDERS
from edgessl.data.tagged import MARK, Written, several_in
from edgessl.errors import UserError, nearest

COLUMNS = ("path", "label", "split")
_SHOWN = 5  # mistakes listed in full
_GROUP = "group"


def list_manifest(
    file: Path, reading: Reading = AS_FOUND, group: str | None = None
) -> Listing:
    """Read a manifest. Paths are relative to its folder; label and split may be missing or empty.

    Images may have several labels: in one cell, as ``a|b``, in a row each, or marked by 1 in a
    column for each class.

    Args:
        file: A CSV file with a header row. A row without a label is unlabelled; one without a
            split belongs to train.
        reading: Which column has the labels, and which of its values are which split, if said.
        group: A further column, with what an image belongs to; None for none.

    Raises:
        UserError: It is no such file, or rows are wrong; several mistakes are listed at once.
    """
    file = Path(os.path.abspath(file))
    if reading.layout == "folders":
        raise UserError(
            f"--layout: must be csv or flat for a table, got 'folders' for {file}; pass the folder"
        )
    group = group.strip().lower() if group else None
    header, rows = _rows(file, reading, group)
    splits = _splits(reading)
    entries: dict[Path, Entry] = {}
    cells: dict[Path, list[str]] = defaultdict(list)
    mistakes: list[tuple[int, str]] = []
    twice: list[tuple[int, str]] = []
    for number, row in rows:
        try:
            entry = _entry(file.parent, row, splits)
            if row[_GROUP]:
                entry = replace(entry, group=row[_GROUP])
            first = entries.setdefault(entry.path, entry)
            cells[entry.path] += [row["label"]] if entry.label is not None else []
            if first != entry:
                told = f"{_quoted(row['path'])} is listed twice, with another label or split"
                another = replace(first, label=entry.label) == entry and entry.label is not None
                (twice if another and first.label is not None else mistakes).append((number, told))
        except ValueError as error:
            mistakes.append((number, str(error)))
    labels = Written(False, {}, "") if mistakes else several_in(cells, str(file))
    if not labels.several:
        mistakes += [(number, f"{told}{_SEVERAL}") for number, told in twice]
    if mistakes:
        raise UserError(_listed(file, sorted(mistakes)))
    if not entries:
        raise UserError(f"{file}: must list images, found no row; add one line per image")
    about = _about_columns(file, [name for name in header if name != group], rows, reading)
    layout = f"a table of images, {file.name}"
    if labels.several:
        about += (labels.note,) if "label" in header or reading.column else ()
        layout = f"{layout}: several labels an image"
        for path, tags in labels.tags.items():
            entries[path] = replace(entries[path], label=None, tags=tags)
        about += _about_empty(entries.values())
    return Listing(file.stem, str(file), tuple(entries.values()), about, layout=layout)


def _listed(file: Path, mistakes: Sequence[tuple[int, str]]) -> str:
    more = [f"  and {len(mistakes) - _SHOWN} more"] if len(mistakes) > _SHOWN else []
    shown = [f"  line {number}: {told}" for number, told in mistakes[:_SHOWN]]
    return "\n".join([f"{file}: {len(mistakes)} mistake(s)", *shown, *more])


_SEVERAL = "; several labels of an image stand in one cell, as cat|dog"


def _about_empty(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Say what an empty cell means: not known, and not that there is none."""
    empty = sum(one.tags is None and one.split in ("unlabeled", "test") for one in entries)
    if not empty:
        return ()
    return (
        f"{empty} row(s) with an empty label are not labelled, and used without; for an image that "
        f"shows none of the classes write {MARK} alone.",
    )


def _splits(reading: Reading) -> dict[str, SplitName]:
    named = reading.named()
    if named is None:
        return SPLIT_FOLDERS
    return {name.lower(): split for name, split in named.items()}


_MEANT = {
    "label": ("class", "classes", "class_name", "category", "labels", "target", "species", "y"),
    "split": ("subset", "set", "fold", "partition", "splits"),
}
"""Other words for our columns; they are asked about where ours is missing."""


def _about_columns(
    file: Path, header: list[str], rows: _Rows, reading: Reading
) -> tuple[str, ...]:
    """Say which columns are not read, and refuse those that are likely to be one of ours.

    Raises:
        UserError: A column seems to be label or split under another name.
    """
    asked = reading.column.strip().lower()
    unknown = [name for name in header if name and name not in COLUMNS and name != asked]
    if reading.layout == "flat":
        return ("Labels are not read, as --layout flat says.",)
    if "label" not in header and not asked and any(row["label"] for _, row in rows):
        return (f"The labels are in {marks_in_words(len(unknown))}.",)
    for ours, words in _MEANT.items():
        meant = [name for name in unknown if name in words or nearest(name, (ours,))]
        said = bool(asked) if ours == "label" else bool(reading.splits)
        if ours not in header and meant and not said:
            raise UserError(
                f"{file}: the columns must be called path, label and split, got "
                f"{_quoted(meant[0])}; did you mean {ours}? Rename that column, or remove it"
                + (f", or pass --column {shlex.quote(meant[0])}" if ours == "label" else "")
            )
    if not unknown:
        return ()
    return (f"Columns that are not read: {', '.join(map(_quoted, unknown[:_SHOWN]))}.",)


_Rows = list[tuple[int, dict[str, str]]]


def _rows(file: Path, reading: Reading, group: str | None) -> tuple[list[str], _Rows]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text, skipinitialspace=True)
            written = [name.strip() for name in reader.fieldnames or ()]
            header = [name.lower() for name in written]
            reader.fieldnames = header
            asked = {**{key: key for key in COLUMNS}, **_asked_columns(reading)}
            asked[_GROUP] = group or ""
            lines = [(reader.line_num, row) for row in reader]
            rows = [
                (number, {key: (row.get(name) or "").strip() if name else ""
                          for key, name in asked.items()})
                for number, row in lines
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
    asked_for = reading.column.strip().lower()
    if asked_for and asked_for not in header:
        raise UserError(
            f"--column: must be a column of {file}, got {_quoted(reading.column)}"
            f"{nearest(asked_for, header)}; there are {', '.join(map(_quoted, header[:_SHOWN]))}"
        )
    if group and group not in header:
        raise UserError(
            f"--val-group: must be 'parent' or a column of {file}, got '{group}'"
            f"{nearest(group, header) or '; it has ' + _quoted(','.join(header))}"
        )
    if asked["label"] == "label" not in header:
        names = {name.lower(): name for name in written
                 if name and name.lower() not in (*COLUMNS, group)}  # fmt: skip
        _read_marks(file, rows, [
            (number, {name: line[key] or "" for key, name in names.items()})
            for number, line in lines
        ])  # fmt: skip
    return header, rows


def _read_marks(
    file: Path, rows: _Rows, lines: Sequence[tuple[int, Mapping[str, str]]]
) -> None:
    """Give rows their labels from a column for each class, where all further columns are such.

    Raises:
        UserError: A few of their cells are not 0 or 1.
    """
    wrong = mistaken_marks(lines)
    if not lines or len(lines[0][1]) < 2 or wrong is None:
        return
    if wrong:
        raise UserError(_listed(file, wrong))
    for (_, row), (_, line) in zip(rows, lines, strict=True):
        row["label"] = marked_label(line)


def _asked_columns(reading: Reading) -> dict[str, str]:
    """Return which column stands for one of ours; the empty name is no column."""
    asked = {"label": reading.column.strip().lower()} if reading.column else {}
    if reading.layout == "flat":
        asked["label"] = ""
    if reading.named() == {}:
        asked["split"] = ""
    return asked


def _entry(folder: Path, row: Mapping[str, str], splits: Mapping[str, SplitName]) -> Entry:
    if not row["path"]:
        raise ValueError("path must not be empty")
    path = folder / row["path"]
    if not _is_file(path):
        raise ValueError(f"no file {_quoted(row['path'])} in {folder}")
    if trouble := trouble_with(row["label"]):
        raise ValueError(f"label {trouble}, got {row['label']!a}")
    written = row["split"].lower()
    split = splits.get(written) if written else "train"
    if split is None:
        hint = nearest(written, splits)
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
