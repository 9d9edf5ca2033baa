"""From what annotations say to scenes: files read and hashed, boxes fitted, copies kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from edgessl.data.parallel import Progress
from edgessl.data.verify import Verified, verify
from edgessl.dense.boxes.listed import ListedBox, fit_boxes
from edgessl.dense.transfer.scenes import Outline, Scene, SceneSet, with_objects
from edgessl.errors import UserError

Side = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class DraftObject:
    """An object as an annotation says it.

    Attributes:
        box: Its box; a difficult one is not judged by.
        crowd: Whether it stands for a group, and is not learned.
        outline: Its mask; None where there is none.
    """

    box: ListedBox
    crowd: bool = False
    outline: Outline | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An image as annotations list it.

    Attributes:
        path: The file.
        side: Whether it is trained on or tested on.
        objects: In the order of the annotation.
    """

    path: Path
    side: Side
    objects: tuple[DraftObject, ...]


def set_of(
    name: str,
    source: str,
    layout: str,
    drafts: Sequence[Draft],
    classes: Sequence[str] = (),
    left_out: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> SceneSet:
    """Read the images of a set.

    Args:
        name: Short name.
        source: What the user passed.
        layout: In words.
        drafts: Its images.
        classes: Names in label order; empty for those that are used, in alphabetical order.
        left_out: What could not be listed.
        notes: What was decided.
        progress: Called with (done, total) while images are read.

    Raises:
        UserError: A side has no object.
    """
    verified = verify([one.path for one in drafts], progress)
    gone, remarks = list(left_out), list(notes)
    tested = {found.digest for one, found in zip(drafts, verified, strict=True)
              if one.side == "test"}  # fmt: skip
    names = classes or sorted({
        each.box.label for one in drafts for each in one.objects if each.box.label
    })  # fmt: skip
    number = {label: i for i, label in enumerate(names)}
    sides: dict[Side, list[Scene]] = {"train": [], "test": []}
    doubled = 0
    for one, found in zip(drafts, verified, strict=True):
        if found.reason:
            gone.append((str(one.path), found.reason))
        elif one.side == "train" and found.digest in tested:
            doubled += 1
            gone.append((str(one.path), "the same content as an image of test"))
        else:
            sides[one.side].append(_scene(one, found, number, gone))
    if doubled:
        remarks.append(f"{doubled} images of train are in test too; they are left out of train.")
    train = with_objects(sides["train"])
    if bare := len(sides["train"]) - len(train):
        remarks.append(f"{bare} images of train have no object to learn; they are left out.")
    for side, images in (("train", train), ("test", with_objects(sides["test"]))):
        if not images:
            shown = "".join(f"\n  {where}: {why}" for where, why in gone[:5])
            raise UserError(
                f"{source}: must have an image with an object in {side}, found none; annotate "
                f"some{shown}"
            )
    return SceneSet(
        name, source, layout, tuple(names), train, (), tuple(sides["test"]), tuple(gone),
        tuple(remarks),
    )  # fmt: skip


def _scene(
    draft: Draft, found: Verified, number: dict[str, int], left_out: list[tuple[str, str]]
) -> Scene:
    kept, labels, boxes = [], [], []
    for one in draft.objects:
        if isinstance(one.outline, dict) and [*one.outline["size"]] != [found.height, found.width]:
            left_out.append((one.box.where, "its run lengths are of an image of another size"))
            continue
        fitted = fit_boxes([one.box], found.height, found.width)
        left_out += fitted.left_out
        if len(fitted.boxes):
            kept.append(one)
            boxes.append(fitted.boxes[0])
            labels.append(number[one.box.label])
    outlines = [one.outline for one in kept]
    there = [one for one in outlines if one is not None]
    return Scene(
        draft.path, found.digest, found.height, found.width,
        np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64),
        np.array([one.box.difficult for one in kept], bool),
        np.array([one.crowd for one in kept], bool),
        tuple(there) if len(there) == len(outlines) else None,
    )  # fmt: skip
