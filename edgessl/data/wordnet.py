"""Coarse labels of WordNet classes, by merging the tree of is-a relations from its leaves up.

A file such as ImageNet's ``wordnet.is_a.txt`` has a relation a line: the parent's id, a space, the
child's. A synset with several parents is taken to be a child of the first that the file names (not
in any paper; ours), so that there is one way to the root.

Source:
    Cole et al., section C.3, merges all leaves of the greatest depth into their parents, again and
    again, and calls what is left after the depth of its deepest leaf. The supplement of AIRL,
    section 2.2, clusters leaves of one ancestor bottom up into 127, 79, 10 and 2 classes, and
    divides all classes into artifacts and others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from edgessl.errors import UserError

FILE = "wordnet.is_a.txt"
ARTIFACT = "n00021939"
"""The synset of what people make."""
BALANCED, UNEVEN, DEPTH = "2", "2-uneven", "depth-"
"""Levels that are called so: artifact or not, the tree's own two classes, and Cole's."""
_OTHERS = "not an artifact"
_SYNSET = re.compile(r"[nvars]\d{8}")
_SHOWN = 5

Labels = dict[str, str]


def read_parents(path: Path) -> dict[str, str]:
    """Read which synset each one is a kind of.

    Args:
        path: Lines of a parent and a child.

    Raises:
        UserError: It cannot be read, or is no such file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: must be a list of is-a relations in UTF-8, got '{error}'; copy it again"
        ) from error
    parents: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or not all(_SYNSET.fullmatch(word) for word in words):
            raise UserError(
                f"{path}: must have a parent and a child a line, such as 'n00001740 n00001930', "
                f"got {line[:60]!a} in line {number}; copy it again"
            )
        parents.setdefault(words[1], words[0])
    return parents


def wordnet_levels(path: Path, classes: Collection[str]) -> dict[str, Labels]:
    """Return Cole's levels of the classes, from the coarsest to the finest but one.

    Args:
        path: The file of relations.
        classes: WordNet ids.

    Returns:
        By ``depth-K``, the label of every class; levels of one class alone are left out.

    Raises:
        UserError: The file has mistakes, or lacks classes.
    """
    found: dict[str, Labels] = {}
    for depth, labels in _merged_depths(_ways(path, classes)):
        if len(set(labels.values())) > 1:
            found[f"{DEPTH}{depth}"] = labels
    return dict(reversed(found.items()))


def wordnet_labels(path: Path, level: str, classes: Collection[str]) -> Labels:
    """Return the label of every class at a level.

    Args:
        path: The file of relations.
        level: ``2``, artifact or not; a number of classes to merge down to, or to as many as are
            left by the merge that passes it; ``2-uneven``, the same down to two; ``depth-K``.
        classes: WordNet ids.

    Raises:
        UserError: The file has mistakes, or lacks classes, or there is no such level.
    """
    ways = _ways(path, classes)
    if level == BALANCED:
        return {name: ARTIFACT if ARTIFACT in way else _OTHERS for name, way in ways.items()}
    if level.startswith(DEPTH):
        depths = {f"{DEPTH}{depth}": labels for depth, labels in _merged_depths(ways)}
        if level in depths:
            return depths[level]
        deepest = len(depths) - 1
        raise UserError(
            f"data.labels: must be {DEPTH}0 to {DEPTH}{deepest} for these classes, got '{level}'; "
            "take one of them"
        )
    count = 2 if level == UNEVEN else int(level) if level.isdecimal() else 0
    if count < 2:
        raise UserError(
            f"data.labels: must be {BALANCED}, {UNEVEN}, a number of classes or {DEPTH}K for "
            f"{path}, got '{level}'; take one of them"
        )
    return _merged_to(ways, count)


def _ways(path: Path, classes: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the synsets from the root to each class, both included."""
    parents = read_parents(path)
    known = parents.keys() | set(parents.values())
    missing = sorted(name for name in classes if name not in known)
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise UserError(
            f"{path}: must have every class, by its WordNet id, lacks "
            f"{', '.join(missing[:_SHOWN])}{more}; name classes by ids such as n01440764, or write "
            "a hierarchy.csv"
        )
    return {name: _way(path, parents, name) for name in classes}


def _way(path: Path, parents: Mapping[str, str], name: str) -> tuple[str, ...]:
    way = [name]
    while way[-1] in parents:
        parent = parents[way[-1]]
        if parent in way:
            raise UserError(
                f"{path}: must lead from every synset to a root, got a circle through {parent}; "
                "copy it again"
            )
        way.append(parent)
    return tuple(reversed(way))


def _merges(ways: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[int, str, list[str]]]:
    """Yield parents with the classes below them, deepest first: depth, synset, classes."""
    below: dict[tuple[int, str], list[str]] = defaultdict(list)
    for name, way in ways.items():
        for depth, synset in enumerate(way):
            below[depth, synset].append(name)
    for depth, synset in sorted(below, key=lambda place: (-place[0], place[1])):
        yield depth, synset, below[depth, synset]


def _merged_to(ways: Mapping[str, tuple[str, ...]], count: int) -> Labels:
    labels = {name: name for name in ways}
    for _, synset, members in _merges(ways):
        if len(set(labels.values())) <= count:
            break
        labels |= dict.fromkeys(members, synset)
    return labels


def _merged_depths(ways: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[int, Labels]]:
    """Yield what is left when no leaf is deeper, from the deepest on."""
    for depth in range(max(map(len, ways.values()), default=1) - 2, -1, -1):
        yield depth, {name: way[min(depth, len(way) - 1)] for name, way in ways.items()}
