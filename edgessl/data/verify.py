"""Which files are sound images: looked at once, remembered, the rest left out by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.dataset import SPLIT_NAMES, Entry
from edgessl.data.decode import ROOM, BadImage, digest_of, examine, naming, read_bytes
from edgessl.data.divide import Splits
from edgessl.data.known_files import Key, Verified, key_of, known_files
from edgessl.data.parallel import Progress, ordered_map
from edgessl.data.sample import Sample
from edgessl.data.value_range import ValueRange, describe, judge_set
from edgessl.errors import UserError

__all__ = ["Sound", "Verified", "check_files", "verify"]

_COMMIT_EVERY = 1000  # files; what an interrupted check has found so far is kept


def verify(paths: Sequence[Path], progress: Progress | None = None) -> list[Verified]:
    """Read, hash and decode every file, or remember that of an unchanged file.

    Args:
        paths: The files, absolute.
        progress: Called with (done, total) over the files that have to be read.

    Returns:
        One result per file, in order.

    Raises:
        UserError: The cache folder is not writable, or a file may not be read.
        EdgesslError: Reading failed for reasons that say nothing about the file: a broken disk,
            too many open files, too little memory.
    """
    with known_files() as known:
        results = known.recall(paths)
        unknown = [i for i, result in enumerate(results) if result is None]
        fresh = ordered_map(_look, (paths[i] for i in unknown))
        try:
            for done, (i, (key, result)) in enumerate(zip(unknown, fresh, strict=True), start=1):
                results[i] = result
                known.remember(key, result)
                if done % _COMMIT_EVERY == 0:
                    known.commit()
                if progress is not None:
                    progress(done, len(unknown))
        finally:
            known.commit()
    return [result for result in results if result is not None]


def _look(path: Path) -> tuple[Key, Verified]:
    """Read a file; the key is taken first, so that a change meanwhile is seen the next time."""
    return key_of(path), _read(path)


def _read(path: Path) -> Verified:
    digest = ""
    try:
        content = read_bytes(path)
        digest = digest_of(content)
        with naming(path), ROOM.held():
            values, (height, width) = examine(content)
    except BadImage as bad:
        return Verified(digest, 0, 0, str(bad))
    return Verified(digest, height, width, "", values)


MIN_IMAGES = 10
MAX_QUARANTINED_PERCENT = 10.0


@dataclass(frozen=True, slots=True)
class Sound:
    """What a source holds once every file was read.

    Attributes:
        splits: The usable images of each split.
        quarantined: The other files, each with the reason.
        duplicates: Number of usable files whose content another one also has.
        value_range: What is black and white in files of more than 8 bits; None without such.
        notes: How their values are scaled, one sentence each.
    """

    splits: Splits
    quarantined: tuple[tuple[Path, str], ...]
    duplicates: int
    value_range: ValueRange | None = None
    notes: tuple[str, ...] = ()


def check_files(source: str, entries: Iterable[Entry], progress: Progress | None) -> Sound:
    """Read every file and leave out the unusable ones.

    Args:
        source: What the user passed, for messages.
        entries: The files.
        progress: Called with (done, total) over the files that have to be read.

    Raises:
        UserError: Fewer than ``MIN_IMAGES`` are usable, or more than ``MAX_QUARANTINED_PERCENT``
            are not.
    """
    entries = tuple(entries)
    results = verify([entry.path for entry in entries], progress)
    bad = tuple(
        sorted((e.path, r.reason) for e, r in zip(entries, results, strict=True) if r.reason)
    )
    _refuse_poor(source, len(entries), bad)
    splits: Splits = {name: [] for name in SPLIT_NAMES}
    for entry, result in zip(entries, results, strict=True):
        if not result.reason:
            splits[entry.split].append(Sample(result.digest, entry.label, entry.path))
    counts = Counter(result.digest for result in results if not result.reason)
    values = [result.values for result in results if result.values is not None]
    value_range = judge_set(values)
    twins = sum(count for count in counts.values() if count > 1)
    return Sound(splits, bad, twins, value_range, tuple(describe(values, value_range)))


def _refuse_poor(source: str, count: int, bad: tuple[tuple[Path, str], ...]) -> None:
    shown = "".join(f"\n  {path}: {reason}" for path, reason in bad[:5])
    shown += f"\n  and {len(bad) - 5} more" if len(bad) > 5 else ""
    if count - len(bad) < MIN_IMAGES:
        raise UserError(
            f"{source}: must hold at least {MIN_IMAGES} usable images, got {count - len(bad)}; "
            f"add some{shown}"
        )
    if len(bad) > count * MAX_QUARANTINED_PERCENT / 100:
        raise UserError(
            f"{source}: at most {MAX_QUARANTINED_PERCENT:g} % of the images may be unusable, "
            f"got {len(bad)} of {count}; repair or remove them{shown}"
        )
