"""Which file of a baseline is the one that is measured now?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from edgessl.bench.compare.names import common_tail


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
