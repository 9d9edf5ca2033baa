"""Labels in a table that lies beside the images, as competitions ship them: an id and a label."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.class_names import class_name
from edgessl.data.dataset import Entry, SplitName
from edgessl.data.marks import is_marks, marked_label, marks_in_words
from edgessl.data.reading import Reading
from edgessl.data.split_names import SPLIT_FOLDERS, role_in
from edgessl.data.tagged import several_in
from edgessl.errors import UserError

LABELS = (
    "label", "labels", "class", "class_name", "classname", "class_label", "category", "target",
    "species", "breed", "diagnosis", "y",
)  # fmt: skip
"""Usual names of the column with the labels, the likeliest first."""
_SPLITS = ("split", "subset", "set", "partition", "fold", "usage")
_NO_ANSWERS = ("sample", "submission")
_FOUND_SHARE = 0.5  # of its values that must name images, for a column to be their ids
_SHOWN = 8
_MOST_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class Image:
    """One image file under the folder.

    Attributes:
        path: The file.
        place: Its path below the folder, with slashes.
        split: The split whose folder it is in, or None.
    """

    path: Path
    place: str
    split: SplitName | None


@dataclass(frozen=True, slots=True)
class Labels:
    """What tables say.

    Attributes:
        entries: Every image; those that no table has a label for have none. Empty without tables.
        notes: What was decided, one sentence each.
        tables: Files that were read; none if no table has labels for images.
    """

    entries: tuple[Entry, ...]
    notes: tuple[str, ...]
    tables: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    image: Image
    label: str | None
    split: SplitName | None


def tables_in(folders: Iterable[Path]) -> list[Path]:
    """Return the tables directly in some folders; those of answers to hand in are none."""
    return [
        path
        for folder in dict.fromkeys(folders)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in (".csv", ".tsv") and not path.name.startswith(".")
        and path.is_file() and path.stat().st_size <= _MOST_BYTES
        and not any(word in path.stem.lower() for word in _NO_ANSWERS)
    ]  # fmt: skip


def label_by_tables(
    images: Sequence[Image], tables: Sequence[Path], reading: Reading, *, expected: bool
) -> Labels:
    """Give images the labels that tables have for them.

    Args:
        images: Those of the folder.
        tables: Files that may be about them.
        reading: Which column has the labels, and which values are which split, if that is said.
        expected: Whether there ought to be labels; else a table may be about something else.

    Raises:
        UserError: A table names images, and it is not clear which of its columns has the labels,
            or an image has several.
    """
    index, rows, notes, used, strange = _Index(images), [], [], [], []
    for table in tables:
        read = _read(table)
        found = read and _ids(*read, index, role_in(table.stem))
        if not read or not found:
            strange.append(f"{table.name} is not read: no column of it names these images.")
            continue
        header, lines = read
        column, matched = found
        try:
            label = _label_column(table, header, column, lines, reading)
        except UserError as error:
            if expected or role_in(table.stem) or "label" in table.stem.lower():
                raise
            strange.append(f"{table.name} is not read: {str(error).removeprefix(f'{table}: ')}.")
            continue
        if label is None and role_in(table.stem) not in ("test", "val"):
            continue
        here = [*_rows(table, header, lines, matched, label, reading)]
        rows += here
        used.append(table)
        known = sum(one is not None for one in matched)
        told = f"by '{column}', labels in {_told(label)}" if label else f"by '{column}', no labels"
        notes.append(f"{table.name}: {known} of {len(lines)} rows name an image, {told}.")
    if not any(row.label for row in rows):
        return Labels((), tuple(strange), ())
    entries, more = _entries(images, rows)
    return Labels(entries, (*notes, *strange, *more), tuple(used))


class _Index:
    """Finds images by what tables call them: a path, a name, or a name without its suffix."""

    def __init__(self, images: Sequence[Image]) -> None:
        self._known: dict[str, list[Image]] = defaultdict(list)
        for image in images:
            name = image.path.name
            for key in {image.place, name, name.rsplit(".", 1)[0], image.place.rsplit(".", 1)[0]}:
                self._known[key.lower()].append(image)

    def find(self, cell: str, split: SplitName | None) -> Image | None:
        """Return the image of a cell; among several, the one in the split's folder."""
        key = cell.strip().replace("\\", "/").removeprefix("./").lower()
        found = self._known.get(key) or self._known.get(key.rsplit("/", 1)[-1]) or ()
        if len(found) > 1:
            found = [image for image in found if image.split == (split or "train")]
        return found[0] if len(found) == 1 else None


def _read(table: Path) -> tuple[list[str], list[list[str]]] | None:
    """Read a table with whichever separator its header has; None if it is none."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as text:
            first = text.readline()
            mark = max(",;\t|", key=first.count)
            text.seek(0)
            lines = [line for line in csv.reader(text, delimiter=mark) if any(line)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    if len(lines) < 2 or len(lines[0]) < 1:
        return None
    header = [cell.strip() for cell in lines[0]]
    wide = len(header)
    return header, [(line + [""] * wide)[:wide] for line in lines[1:]]


def _ids(
    header: Sequence[str], lines: Sequence[Sequence[str]], index: _Index, split: SplitName | None
) -> tuple[str, list[Image | None]] | None:
    """Return the column that names most images, and the image of each row."""
    best: tuple[str, list[Image | None]] | None = None
    most = 0
    for place, name in enumerate(header):
        found = [index.find(line[place], split) for line in lines]
        count = len({image.path for image in found if image is not None})
        if count > most:
            best, most = (name, found), count
    rows = sum(image is not None for image in best[1]) if best else 0
    return best if rows >= _FOUND_SHARE * len(lines) else None


def _label_column(
    table: Path, header: Sequence[str], ids: str, lines: Sequence[Sequence[str]], reading: Reading
) -> str | tuple[str, ...] | None:
    """Return the column of labels, or several in which rows mark theirs; None without labels."""
    others = [name for name in header if name != ids and name.lower() not in _SPLITS and name]
    if reading.column:
        close = [name for name in header if name.lower() == reading.column.lower()]
        return close[0] if close else None
    usual = [name for word in LABELS for name in others if name.lower() == word]
    if usual:
        return usual[0]
    if len(others) < 2:
        return others[0] if others and _repeats(lines, header.index(others[0])) else None
    if all(is_marks(line[header.index(name)] for line in lines) for name in others):
        return tuple(others)
    shown = ", ".join(f"'{name}'" for name in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    raise UserError(
        f"{table}: it must be clear which column has the labels, got {shown}{more}; name it with "
        "--column NAME, or read no table with --layout flat"
    )


def _repeats(lines: Sequence[Sequence[str]], place: int) -> bool:
    """Tell classes, which have several images each, from captions and measurements."""
    return 2 * len({line[place] for line in lines}) <= max(len(lines), _SHOWN)


def _rows(
    table: Path,
    header: Sequence[str],
    lines: Sequence[Sequence[str]],
    matched: Sequence[Image | None],
    label: str | tuple[str, ...] | None,
    reading: Reading,
) -> Iterator[_Row]:
    role, named = role_in(table.stem), reading.named()
    column = next((i for i, name in enumerate(header) if name.lower() in _SPLITS), None)
    names: dict[str, SplitName] = SPLIT_FOLDERS if named is None else named
    for line, image in zip(lines, matched, strict=True):
        if image is None:
            continue
        written = line[column].strip() if column is not None else ""
        split = names.get(written) or names.get(written.lower())
        if named == {}:
            split = role = None
        yield _Row(image, _label_of(header, line, label), split or image.split or role)


def _label_of(
    header: Sequence[str], line: Sequence[str], label: str | tuple[str, ...] | None
) -> str | None:
    if label is None:
        return None
    if isinstance(label, tuple):
        return marked_label({name: line[header.index(name)] for name in label})
    return line[header.index(label)].strip() or None


def _entries(
    images: Sequence[Image], rows: Sequence[_Row]
) -> tuple[tuple[Entry, ...], list[str]]:
    cells: dict[Path, list[str]] = defaultdict(list)
    splits: dict[Path, SplitName | None] = {}
    for row in rows:
        if row.label:
            cells[row.image.path].append(row.label)
        splits[row.image.path] = splits.get(row.image.path) or row.split
    several = several_in(cells, "tables")
    labels = {image.path: set(cells[image.path]) for image in images}
    torn = [image for image in images if len(labels[image.path]) > 1]
    if torn and not several.several:
        first = torn[0]
        shown = ", ".join(f"'{name}'" for name in sorted(labels[first.path])[:_SHOWN])
        raise UserError(
            f"{first.place}: must have one label in the tables, got {shown}, and {len(torn)} "
            "image(s) have several; name another column with --column, or read no table with "
            "--layout flat; where images may have several, they stand in one cell, as cat|dog"
        )
    entries, counts = [], Counter[str]()
    for image in images:
        split = splits.get(image.path) or image.split or "train"
        label = next(iter(labels[image.path]), None)
        if image.path in several.tags and split != "unlabeled":
            entries.append(Entry(image.path, None, split, several.tags[image.path]))
            continue
        if label is not None and split != "unlabeled":
            entries.append(Entry(image.path, class_name(label), split))
            continue
        kept_out = split in ("test", "val")
        counts["test" if kept_out else "train"] += 1
        entries.append(Entry(image.path, None, "test" if kept_out else "unlabeled"))
    notes = [several.note] if several.several else []
    if counts["train"]:
        notes.append(f"{counts['train']} image(s) that no table labels are for pretraining only.")
    return tuple(entries), notes


def _told(label: str | tuple[str, ...]) -> str:
    if isinstance(label, str):
        return f"'{label}'"
    return marks_in_words(len(label))
