"""A network over the images of a split and their views, a few at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from edgessl.data.preprocess import decode_eval
from edgessl.diagnose.sample import Looked
from edgessl.diagnose.subject import Subject
from edgessl.diagnose.view_set import VIEWS, views_of

_AT_ONCE = 256  # images whose pixels are in memory


@dataclass(frozen=True, slots=True)
class SplitOutputs:
    """What a network gives for a split.

    Attributes:
        looked: The images.
        features: Of the images as they are evaluated, ``(N, D)``.
        views: Of the two views of ``looked.viewed``, ``(2, M, D)``.
        labels: Class indices, ``(N,)`` int64; None without labels.
    """

    looked: Looked
    features: Tensor
    views: Tensor
    labels: Tensor | None

    @property
    def viewed(self) -> Tensor:
        """Features of the images whose views are there, ``(M, D)``."""
        return self.features[list(self.looked.viewed)]


def outputs_of(
    subject: Subject, looked: Looked, seed: int, say: Callable[[str], None]
) -> SplitOutputs:
    """Run a network over a split.

    Args:
        subject: The network.
        looked: The images.
        seed: Of the views.
        say: Called with how far it is.

    Raises:
        UserError: A file is no usable image, or the network gives what is not finite.
    """
    split, side = looked.split, subject.side_px
    features, views = [], []
    for start in range(0, len(split), _AT_ONCE):
        say(f"{subject.name}: {looked.name} image {start:,} of {len(split):,}")
        part = slice(start, start + _AT_ONCE)
        pixels = decode_eval(split.paths[part], subject.preprocess, digests=split.digests[part])
        features.append(subject.outputs(pixels))
    for start in range(0, len(looked.viewed), _AT_ONCE):
        say(f"{subject.name}: views of {looked.name} image {start:,} of {len(looked.viewed):,}")
        chosen = looked.viewed[start : start + _AT_ONCE]
        both = views_of(
            [split.paths[index] for index in chosen], [split.digests[index] for index in chosen],
            side, seed, subject.preprocess.value_range,
        )  # fmt: skip
        found = subject.outputs(both.reshape(-1, *both.shape[2:]))
        views.append(found.view(VIEWS, len(chosen), -1))
    labels = None if split.labels is None else torch.tensor(split.labels, dtype=torch.int64)
    return SplitOutputs(looked, torch.cat(features), torch.cat(views, dim=1), labels)
