"""Images with a class for each pixel, as the papers' segmenters learn them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.images import DenseSet
from edgessl.dense.masks.masked import VOID, MaskedImage, read_mask

_ALL_VALUES = 256


@dataclass(frozen=True)
class PixelSet(DenseSet[MaskedImage]):
    """Images to transfer to; no val.

    Attributes:
        lookup: Class, or ``VOID``, of each value that a mask's file may have, 256 of them.
    """

    lookup: tuple[int, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Hash of classes, splits, contents, and what values mean."""
        text = f"{super().fingerprint} {self.lookup}"
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def labels_of(image: MaskedImage, lookup: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read the class of each pixel, ``(H, W)``.

    Args:
        image: Its mask is read.
        lookup: As of ``PixelSet``.
    """
    values = read_mask(image.mask, _ALL_VALUES, image.mask_digest)
    labels: NDArray[np.uint8] = np.array(lookup, np.uint8)[values]
    return labels


def lookup_of(known: dict[int, int]) -> tuple[int, ...]:
    """Return the class of each value, ``VOID`` where there is none.

    Args:
        known: Value -> class.
    """
    return tuple(known.get(value, VOID) for value in range(_ALL_VALUES))
