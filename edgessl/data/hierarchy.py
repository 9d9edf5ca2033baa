"""Coarse labels of classes: from a table, WordNet, the folders of iNat21 or the sheet of Places."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

from edgessl.data import scene_table, wordnet
from edgessl.data.class_names import class_name, trouble_with
from edgessl.data.inat import taxonomy
from edgessl.data.named import home_of
from edgessl.errors import UserError, nearest

FILE = "hierarchy.csv"
FILES = (FILE, wordnet.FILE, *scene_table.FILES)
"""What is looked for beside the images, in this order."""
_RELATIONS = ".txt"
CLASS = "class"
_SHOWN = 5  # mistakes listed in full


def find_hierarchy(source: str, file: str | None) -> Path:
    """Return the file, or the folders, that labelled images have coarse labels from.

    Args:
        source: Where the labels come from: a folder, a CSV manifest or a named set.
        file: The file, where it lies elsewhere; None for what lies with the images.

    Raises:
        UserError: It is not there.
    """
    if file is not None:
        path = Path(file).expanduser()
        if not path.is_file():
            raise UserError(
                f"data.hierarchy: must be a CSV file, got '{file}', which is not there; check it"
            )
        return path
    path_beside = _beside(source)
    if path_beside is None:
        raise UserError(
            f"data.labels: must have a {FILE} with {source}, found none; write one with the "
            f"columns {CLASS} and the coarser labels, or pass --set data.hierarchy=FILE"
        )
    return path_beside


def read_hierarchy(path: Path, column: str, classes: Collection[str]) -> dict[str, str]:
    """Read the coarse label of every class.

    Args:
        path: A CSV file with a header row: ``class``, and a column for each level; a file of
            WordNet's relations, whose name ends in ``.txt``; the sheet of Places365; or the folder
            of iNat21.
        column: The level.
        classes: Those that need a label; the table may have others.

    Returns:
        Label by class, of ``classes`` alone.

    Raises:
        UserError: It is no such file, has no such level, lacks classes, or gives one of them two
            labels or none; several mistakes are listed at once.
    """
    if path.suffix.lower() == _RELATIONS:
        return wordnet.wordnet_labels(path, column, classes)
    if path.is_dir():
        levels = taxonomy(path) or {}
        if column not in levels:
            raise _unknown_level(path, column, [*levels])
        return {name: levels[column][name] for name in classes}
    if scene_table.is_scene_table(path):
        scenes = scene_table.scene_levels(path, classes)
        if column not in scenes:
            raise _unknown_level(path, column, [*scenes])
        return scenes[column]
    return _read_column(path, column, classes)


def levels_in(path: Path, classes: Collection[str]) -> dict[str, dict[str, str]]:
    """Read every level of a hierarchy.

    Args:
        path: As of ``read_hierarchy``.
        classes: Those that need labels.

    Returns:
        By level, the label of every class.

    Raises:
        UserError: The file has mistakes, or lacks classes.
    """
    if path.suffix.lower() == _RELATIONS:
        return wordnet.wordnet_levels(path, classes)
    if not path.is_dir() and scene_table.is_scene_table(path):
        return scene_table.scene_levels(path, classes)
    names = [*(taxonomy(path) or ())] if path.is_dir() else _levels(_rows(path)[0])
    return {level: read_hierarchy(path, level, classes) for level in names}


def hierarchy_of(source: str, classes: Collection[str]) -> dict[str, dict[str, str]]:
    """Read every level of the hierarchy that lies with labelled images.

    Args:
        source: Where the labels come from: a folder, a CSV manifest or a named set.
        classes: Those that need labels.

    Returns:
        By level, the label of every class; empty where there is none.

    Raises:
        UserError: The file has mistakes.
    """
    path = _beside(source)
    return {} if path is None else levels_in(path, classes)


def _beside(source: str) -> Path | None:
    """Return what a source has coarse labels in; None for nothing."""
    home = home_of(source)
    if home is None:
        return None
    found = next((home / name for name in FILES if (home / name).is_file()), None)
    return found or (home if taxonomy(home) is not None else None)


def _read_column(path: Path, column: str, classes: Collection[str]) -> dict[str, str]:
    header, rows = _rows(path)
    _refuse_columns(path, header, column)
    labels: dict[str, str] = {}
    mistakes = []
    for line, row in rows:
        name, label = (class_name((row.get(key) or "").strip()) for key in (CLASS, column))
        if name not in classes:
            continue
        if not label:
            mistakes.append(f"line {line}: {column} must not be empty, as it is for '{name}'")
        elif trouble := trouble_with(label):
            mistakes.append(f"line {line}: {column} {trouble}, got {label!a}")
        elif labels.setdefault(name, label) != label:
            mistakes.append(f"line {line}: '{name}' is '{label}' here and '{labels[name]}' above")
    if not mistakes:
        missing = [name for name in classes if name not in labels]
        mistakes += [f"no line for the class '{name}'" for name in missing]
    if mistakes:
        lines = [f"\n  {mistake}" for mistake in mistakes[:_SHOWN]]
        more = f"\n  and {len(mistakes) - _SHOWN} more" if len(mistakes) > _SHOWN else ""
        raise UserError(f"{path}: {len(mistakes)} mistake(s){''.join(lines)}{more}")
    return labels


def _rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text, skipinitialspace=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            return header, [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: must be a CSV file in UTF-8, got: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: must be readable, got '{error.strerror}'") from error


def _refuse_columns(path: Path, header: list[str], column: str) -> None:
    if CLASS not in header:
        raise UserError(
            f"{path}: must start with a header that has the column {CLASS}, got "
            f"'{','.join(header)[:80]}'; name the column of classes so"
        )
    levels = _levels(header)
    if column not in levels:
        raise _unknown_level(path, column, levels)


def _levels(header: list[str]) -> list[str]:
    return [name for name in header if name and name != CLASS]


def _unknown_level(path: Path, column: str, levels: list[str]) -> UserError:
    return UserError(
        f"data.labels: must be a column of {path}, got '{column}'{nearest(column, levels)}; "
        f"columns: {', '.join(levels) or 'none'}"
    )
