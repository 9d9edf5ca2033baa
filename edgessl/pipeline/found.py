"""What a run found in the data, in sentences."""

from __future__ import annotations

from edgessl.data.dataset import Dataset


def found(dataset: Dataset) -> list[str]:
    """Tell images, classes, what was decided about them, and what was left out.

    Args:
        dataset: What the user has.
    """
    counts = ", ".join(
        f"{len(split)} {name}"
        for name, split in (
            ("train", dataset.train), ("unlabeled", dataset.unlabeled),
            ("val", dataset.val), ("test", dataset.test),
        )
        if len(split)
    )
    classes = f"{len(dataset.classes)} classes" if dataset.classes else "no labels"
    lines = [f"{dataset.name}: {counts} images, {classes}.", *dataset.notes]
    if dataset.quarantined:
        lines.append(
            f"{len(dataset.quarantined)} file(s) left out, listed in quarantine.txt; "
            f"the first: {dataset.quarantined[0][0].name}: {dataset.quarantined[0][1]}."
        )
    return lines
