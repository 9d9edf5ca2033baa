"""What a layout says before any image is read, and what becomes of its boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgessl.dense.images import SplitName
from edgessl.names import trouble_with

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ListedBox:
    """A box as an annotation says it.

    Attributes:
        label: Name of its class.
        corners: Left, top, right, bottom, from the image's corner; None where there are none.
        where: File and place, for messages.
        difficult: Whether a detector is not judged by it.
        shares: Whether the corners are shares of width and height, not pixels.
    """

    label: str
    corners: Corners | None
    where: str
    difficult: bool = False
    shares: bool = False


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image as a layout lists it.

    Attributes:
        path: The file.
        split: Where the layout puts it; None where it does not say.
        boxes: Its boxes.
    """

    path: Path
    split: SplitName | None
    boxes: tuple[ListedBox, ...]


@dataclass(frozen=True, slots=True)
class ListedSet:
    """A set as a layout lists it.

    Attributes:
        layout: Which one, in words.
        images: All of them.
        classes: Names in label order where the layout orders them; empty for alphabetical order.
        left_out: What could not be listed, and why.
    """

    layout: str
    images: tuple[ListedImage, ...]
    classes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """The boxes of one image that can be used.

    Attributes:
        boxes: In pixels, ``(N, 4)``.
        names: Class of each.
        difficult: ``(N,)``.
        left_out: The other ones, and why.
        cut: How many reached over an edge and were cut there.
    """

    boxes: NDArray[np.float32]
    names: tuple[str, ...]
    difficult: NDArray[np.bool_]
    left_out: tuple[tuple[str, str], ...]
    cut: int


EDGE_PX = 0.5  # a box that reaches less far over an edge was rounded


def fit_boxes(listed: Sequence[ListedBox], height: int, width: int) -> Fitted:
    """Keep the boxes of an image that have an inside within it.

    Args:
        listed: As annotated.
        height: Of the image in pixels.
        width: The same.
    """
    boxes, names, difficult, left_out, cut = [], [], [], [], 0
    for box in listed:
        if reason := _trouble(box, height, width):
            left_out.append((box.where, reason))
            continue
        left, top, right, bottom = _pixels(box, height, width)
        inside = (max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height))
        cut += max(-left, -top, right - width, bottom - height) > EDGE_PX
        boxes.append(inside)
        names.append(box.label)
        difficult.append(box.difficult)
    return Fitted(
        np.array(boxes, np.float32).reshape(-1, 4), tuple(names), np.array(difficult, bool),
        tuple(left_out), cut,
    )  # fmt: skip


def _pixels(box: ListedBox, height: int, width: int) -> Corners:
    left, top, right, bottom = box.corners or (0.0, 0.0, 0.0, 0.0)
    if box.shares:
        return left * width, top * height, right * width, bottom * height
    return left, top, right, bottom


def _trouble(box: ListedBox, height: int, width: int) -> str:
    if not box.label or trouble_with(box.label):
        return f"its class must have a name that can be printed, got {box.label!a}"
    if box.corners is None:
        return "must have four corners that are finite numbers, got others"
    left, top, right, bottom = _pixels(box, height, width)
    told = f"{left:g}, {top:g} to {right:g}, {bottom:g}"
    if right <= left or bottom <= top:
        return f"empty box ({told})"
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return f"outside the image of {width} x {height} px ({told})"
    return ""
