"""Several sets shuffled together for pretraining: ``A:1000+B:1000``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.dataset import Dataset, Entry, Listing
from edgessl.data.divide import draw_images
from edgessl.errors import UserError
from edgessl.files import expanded

_PLUS, _COLON = "+", ":"


@dataclass(frozen=True, slots=True)
class PoolPart:
    """One of the sets.

    Attributes:
        source: As of ``--data``.
        images: How many of its images, drawn at random; None for all.
    """

    source: str
    images: int | None = None


def parts_of(data: str) -> tuple[PoolPart, ...]:
    """Read a pool; empty where it is none.

    Args:
        data: What stands after ``--data``. What is a file or a folder itself is no pool.

    Raises:
        UserError: A count is no number.
    """
    if expanded(data).exists() or (_PLUS not in data and not _counted(data)):
        return ()
    return tuple(_part(one.strip(), data) for one in data.split(_PLUS))


def _counted(data: str) -> bool:
    return data.rpartition(_COLON)[2].strip().isdecimal() and _COLON in data


def _part(text: str, data: str) -> PoolPart:
    source, colon, count = text.rpartition(_COLON)
    if not colon or expanded(text).exists():
        if not text:
            raise UserError(
                f"--data {data}: must have a set on both sides of '+', got none; write it as "
                "A+B or A:1000+B:1000"
            )
        return PoolPart(text)
    if not count.isdecimal() or int(count) < 1:
        raise UserError(
            f"--data {data}: must have a number of images after ':', got '{count}'; write it as "
            f"{source}:1000"
        )
    return PoolPart(source, int(count))


def pooled(
    data: str, parts: tuple[PoolPart, ...], load_part: Callable[[str], Dataset]
) -> Listing:
    """List the images of a pool, without labels; test images of its sets stay out of pretraining.

    A smaller draw is part of a larger one.

    Args:
        data: As the user wrote it.
        parts: Of it.
        load_part: Loads one of the sets, split, nothing held out for val.

    Raises:
        UserError: A set has fewer images than are asked for.
    """
    entries: dict[Path, Entry] = {}
    notes, names, mistakes = [], [], []
    for part in parts:
        dataset = load_part(part.source)
        seen = dataset.everything
        names.append(dataset.name)
        kept = len(seen) if part.images is None else part.images
        if kept > len(seen):
            mistakes.append(
                f"--data {part.source}: must have at least the {kept} images asked for, found "
                f"{len(seen)}; ask for fewer"
            )
            continue
        entries |= {path: Entry(path, None, "test") for path in dataset.test.paths}
        drawn = draw_images(seen.digests, kept, 0)
        entries |= {seen.paths[i]: Entry(seen.paths[i], None, "unlabeled") for i in drawn}
        notes.append(f"{dataset.name}: {kept} of {len(seen)} images, without their labels.")
    if mistakes:
        raise UserError("\n".join(mistakes))
    return Listing("+".join(names), data, tuple(entries.values()), tuple(notes))
