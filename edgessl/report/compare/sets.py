"""Rows that were scored on the same images come together; others are kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgessl.report.compare.row import Row, Tests


def by_test_images(rows: Sequence[Row]) -> list[list[Row]]:
    """Divide rows by what they were scored on.

    Args:
        rows: With scores.

    Returns:
        Rows of the same test images and classes, each knowing which images these are if one of
        them does.
    """
    groups: list[list[Row]] = []
    for row in rows:
        fitting = [group for group in groups if any(_same(row.tests, one.tests) for one in group)]
        joined = [one for group in fitting for one in group]
        groups = [group for group in groups if group not in fitting]
        groups.append([*joined, row])
    return [_sharing(group) for group in groups]


def _same(one: Tests | None, other: Tests | None) -> bool:
    """Tell by the images where both record them, else by the fingerprint of all data."""
    if one is None or other is None or (one.n, one.classes) != (other.n, other.classes):
        return False
    if one.images is None or other.images is None:
        return one.fingerprint == other.fingerprint
    mine, theirs = one.images, other.images
    return (mine.digests, mine.labels) == (theirs.digests, theirs.labels)


def _sharing(group: list[Row]) -> list[Row]:
    images = next((row.tests.images for row in group if row.tests and row.tests.images), None)
    return [
        replace(row, tests=replace(row.tests, images=row.tests.images or images))
        if row.tests else row for row in group
    ]  # fmt: skip
