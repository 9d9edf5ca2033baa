"""Which images can be used: the others are left out by name, unless they are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.listing import SPLIT_NAMES, Entry
from edgessl.data.parallel import Progress
from edgessl.data.split import Sample, Splits
from edgessl.data.verify import verify
from edgessl.errors import UserError

MIN_IMAGES = 10
MAX_QUARANTINED_PERCENT = 10.0


@dataclass(frozen=True, slots=True)
class Sound:
    """What a source holds once every file was read.

    Attributes:
        splits: The usable images of each split.
        quarantined: The other files, each with the reason.
        duplicates: Number of usable files whose content another one also has.
    """

    splits: Splits
    quarantined: tuple[tuple[Path, str], ...]
    duplicates: int


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
    return Sound(splits, bad, sum(count for count in counts.values() if count > 1))


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
