"""Images without label from another source than the labelled ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgessl.data.dataset import Entry, Listing
from edgessl.data.sample import Sample
from edgessl.errors import UserError


def as_unlabelled(images: Listing, known: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the images of a source as images without label, whatever it says of them.

    Args:
        images: The source. What it calls test stays out.
        known: The labelled source's images, which are not listed again.

    Raises:
        UserError: There is none.
    """
    there = {entry.path for entry in known}
    found = tuple(
        Entry(entry.path, None, "unlabeled")
        for entry in images.entries
        if entry.split != "test" and entry.path not in there
    )
    if not found:
        labelled = sum(entry.path in there for entry in images.entries)
        raise UserError(
            f"{images.source}: must hold images besides the labelled ones for --unlabelled, found "
            f"none: {labelled} of its {len(images.entries)} are train, val or test of --data"
            f"{', the others its own test' if labelled < len(images.entries) else ''}; name "
            "another folder"
        )
    return found


def apart_from(
    unlabelled: Sequence[Sample], others: Iterable[Sample]
) -> tuple[list[Sample], int]:
    """Leave out images whose content is also elsewhere, and further copies of one.

    Args:
        unlabelled: Images without label.
        others: Of train, val and test.

    Returns:
        The others, and how many were left out because of test, val or train.
    """
    taken = {sample.digest for sample in others}
    kept: dict[str, Sample] = {}
    lost = 0
    for sample in unlabelled:
        if sample.digest in taken:
            lost += 1
        else:
            kept.setdefault(sample.digest, sample)
    return list(kept.values()), lost
