"""The order of an epoch in which every class comes alike often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgessl.rng import DrawKey, permutation

_SHUFFLE = 1 << 32  # no epoch has this number


def balanced_order(key: DrawKey, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw as many samples as there are, of each class alike; a small class comes again and again.

    Args:
        key: Seed, stage and epoch.
        labels: Class of each sample, ``(N,)``.

    Returns:
        Samples, ``(N,)``: ``id + N * r`` where a sample has come ``r`` times before in this epoch,
        so that random draws by these numbers differ from time to time.
    """
    size, order = len(labels), permutation(key, len(labels))
    classes = np.unique(labels)
    each, rest = divmod(size, len(classes))
    found = []
    for number, label in enumerate(classes):
        members = order[labels[order] == label]
        # Those that get one more move on from epoch to epoch.
        more = (number - key.epoch * rest) % len(classes) < rest
        turns = np.arange(each + more)
        found.append(members[turns % len(members)] + size * (turns // len(members)))
    mixed = permutation(DrawKey(key.seed, key.stage, key.epoch + _SHUFFLE), size)
    return np.concatenate(found)[mixed]
