"""Names of models in a document, and which two are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

_PARTS = ("models", "operators", "end_to_end", "sustained", "comparisons")


def with_names(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give the models of a document names that tell them apart.

    Args:
        document: Its ``models`` and whatever else was measured; each entry with ``path name``.

    Returns:
        The document, where ``name`` (and a comparison's ``base``) is the file's name, with as many
        folders before it as two files of the same name need.
    """
    names = told_apart([(str(one["path"]), str(one["name"])) for one in document["models"]])
    renamed = {
        key: [_renamed(row, names) for row in document[key]] for key in _PARTS if key in document
    }
    return {**document, **renamed}


def told_apart(files: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return a name for each path, which no other path has.

    Args:
        files: Path and file name of each; a path may come twice.
    """
    by_name: dict[str, dict[str, tuple[str, ...]]] = {}
    for path, name in files:
        by_name.setdefault(name, {})[path] = PurePath(path).parts
    names = {}
    for name, paths in by_name.items():
        for path, parts in paths.items():
            others = [other for one, other in paths.items() if one != path]
            shared = max((common_tail(parts, other) for other in others), default=0)
            names[path] = str(PurePath(*parts[-shared - 1 :])) if others else name
    return names


def common_tail(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the parts, from the last, in which two paths agree."""
    differs = [a != b for a, b in zip(reversed(one), reversed(other), strict=False)]
    return [*differs, True].index(True)


def _renamed(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    name = names.get(str(row.get("path")), row.get("name"))
    base = {"base": names.get(str(row.get("base_path")), row["base"])} if "base" in row else {}
    return {**row, "name": name, **base}


def counterparts(now: Sequence[str], then: Sequence[str]) -> dict[str, str]:
    """Pair files by their names, and by their folders where a name comes more than once.

    Args:
        now: Paths of what is measured.
        then: Paths of what a baseline holds.

    Returns:
        Path now -> path then, without those whose counterpart is in doubt.
    """
    pairs = {path: found for path in now if (found := _counterpart(path, now, then))}
    taken = Counter(pairs.values())
    return {path: old for path, old in pairs.items() if path == old or taken[old] == 1}


def _counterpart(path: str, now: Sequence[str], then: Sequence[str]) -> str | None:
    if path in then:
        return path
    parts = PurePath(path).parts
    same = {old for old in then if PurePath(old).name == parts[-1]}
    if len(same) == 1 and len({one for one in now if PurePath(one).name == parts[-1]}) == 1:
        return same.pop()
    tails = {old: common_tail(parts, PurePath(old).parts) for old in same}
    best = [old for old, tail in tails.items() if tail == max(tails.values()) and tail > 1]
    return best[0] if len(best) == 1 else None
