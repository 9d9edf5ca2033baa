"""The table to fill in: images in the order to label them, and an empty column for the labels."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from edgessl.errors import UserError
from edgessl.files import atomic_path, expanded

SUFFIX = ".csv"
_HEADER = ["path", "label"]


def refuse_to_lose(table: Path) -> None:
    """Refuse a place where something would be overwritten that was not made to be filled in.

    Args:
        table: Where the table is to go.

    Raises:
        UserError: It is no CSV file, its folder is not there, or labels lie there already.
    """
    if table.suffix.lower() != SUFFIX:
        raise UserError(f"--out: must be a {SUFFIX} file, got {table}; its page goes beside it")
    if not table.parent.is_dir():
        raise UserError(f"--out: must be in a folder that exists, got {table}; make it first")
    if (table.is_file() and not _is_empty_form(table)) or table.is_dir():
        raise UserError(
            f"--out: must not be a file that holds more than empty labels, got {table}; choose "
            "another name, or move it away"
        )


def _is_empty_form(table: Path) -> bool:
    try:
        with table.open(newline="", encoding="utf-8-sig") as text:
            header, *rows = csv.reader(text)
    except (OSError, ValueError, csv.Error):
        return False
    return header[:2] == _HEADER and not any("".join(row[1:2]).strip() for row in rows)


def is_writable_name(path: Path) -> bool:
    """Tell whether a path can stand in a table in UTF-8.

    Args:
        path: Of an image.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def write_table(
    table: Path, images: Iterable[Path], known: Sequence[tuple[Path, str, str]] = ()
) -> None:
    """Write images without a label, and below them those that have one.

    Paths below the table's folder are relative to it, so that both may move together.

    Args:
        table: Where to.
        images: To be labelled, the first to label first.
        known: Images with a label: path, label, split.

    Raises:
        UserError: It cannot be written.
    """
    folder = Path(os.path.abspath(table)).parent
    with_split = any(split != "train" for _, _, split in known)
    rows = [[_cell(path, folder), "", "train"] for path in images]
    rows += [[_cell(path, folder), label, split] for path, label, split in known]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_HEADER, "split"] if with_split else _HEADER)
    writer.writerows(row if with_split else row[:2] for row in rows)
    with atomic_path(expanded(table)) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")


def _cell(path: Path, folder: Path) -> str:
    if not path.is_relative_to(folder):
        return str(path)
    below = path.relative_to(folder).as_posix()
    return f"./{below}" if below != below.lstrip() else below  # cells are read without spaces
