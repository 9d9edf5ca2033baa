"""What edgessl understands of images with masks, and what it would advise."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.data.parallel import Progress, ordered_map
from edgessl.dense.images import SPLITS
from edgessl.dense.masks.load import load_masks
from edgessl.dense.masks.masked import VOID, MaskedImage, MaskSet, read_mask
from edgessl.pipeline.dense.spread import spread

RECIPE = "lraspp-efficientnet-lite0"
RARE_PERCENT = 1.0  # of the pixels of train; not tuned
_VALUES = 256


def describe_masks(data: str, progress: Progress | None = None) -> dict[str, Any]:
    """Load images with masks and say what they hold.

    Args:
        data: A folder of ``images/`` and ``masks/`` with ``classes.txt``.
        progress: Called with (done, total) while files are read.

    Returns:
        The plain values of ``describe_data``, where classes count the images that show them, and
        ``task``, and ``pixels``: the share of each class, and of void, in percent by split.

    Raises:
        UserError: The data cannot be used.
    """
    masks = load_masks(data, progress)
    counted = {name: _counted(masks, masks.split(name)) for name in SPLITS}
    sizes = np.array([image.size for name in SPLITS for image in masks.split(name)])
    pixels = {name: counts.sum(axis=0) for name, counts in counted.items()}
    return {
        "name": masks.name, "source": masks.source, "task": "segment",
        "fingerprint": masks.fingerprint, "layout": f"{masks.layout} with classes.txt",
        "images": {**{name: len(masks.split(name)) for name in SPLITS}, "unlabeled": 0},
        "classes": [
            {"name": one, **{split: int((counted[split][:, i] > 0).sum()) for split in SPLITS}}
            for i, one in enumerate(masks.classes)
        ],
        "class_counts": {},
        "pixels": [
            {"name": one, **{split: _percent(pixels[split], place) for split in SPLITS}}
            for place, one in (*enumerate(masks.classes), (VOID, "void"))
        ],
        "sizes": {
            "height": spread(sizes[:, 1]), "width": spread(sizes[:, 0]),
            "short_side": spread(sizes.min(axis=1)),
        },
        "value_range": None,
        "quarantined": [{"path": where, "reason": reason} for where, reason in masks.left_out],
        "skipped": {},
        "duplicates": sum("same content" in reason for _, reason in masks.left_out),
        "notes": list(masks.notes), "overrule": "",
        "advice": _advice(data, masks, pixels["train"]),
    }  # fmt: skip


def _counted(masks: MaskSet, images: tuple[MaskedImage, ...]) -> NDArray[np.int64]:
    """Count the pixels of each value, ``(I, 256)``."""

    def count(image: MaskedImage) -> NDArray[np.int64]:
        mask = read_mask(image.mask, len(masks.classes), image.mask_digest)
        found: NDArray[np.int64] = np.bincount(mask.ravel(), minlength=_VALUES)
        return found

    return np.array([*ordered_map(count, images)], np.int64).reshape(-1, _VALUES)


def _percent(pixels: NDArray[np.int64], place: int) -> float:
    return round(100 * float(pixels[place]) / max(1, int(pixels.sum())), 2)


def _advice(data: str, masks: MaskSet, train: NDArray[np.int64]) -> list[str]:
    """Return what stands out most, if anything, and the next command."""
    remarks = []
    missing = [name for i, name in enumerate(masks.classes) if not train[i]]
    rare = min(range(len(masks.classes)), key=lambda i: int(train[i]))
    if missing:
        remarks.append(f"No pixel of train is of {', '.join(missing[:5])}: nothing can be learned "
                       "of it; see whether classes.txt fits the masks.")  # fmt: skip
    elif (share := _percent(train, rare)) < RARE_PERCENT:
        remarks.append(f"Class '{masks.classes[rare]}' has only {share:g} % of the pixels of "
                       "train: expect little of it, or add images that show it.")  # fmt: skip
    command = f"edgessl recipe {RECIPE} --data {shlex.quote(data)} --init imagenet"
    return [*remarks[:1], f"Next: {command}"]
