"""What edgessl understands of a user's images, and what it would advise."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.data.cache import cache_root, cache_sizes, clear_cache
from edgessl.data.dataset import Dataset, Split
from edgessl.data.load import load_dataset
from edgessl.data.pack_file import list_packs
from edgessl.data.parallel import Progress
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.data.tagged import tag_table
from edgessl.data.verify import verify
from edgessl.metrics.class_counts import ClassCounts

FEW_IMAGES = 300  # not tuned: under this many, pretraining sees the same images over and over
FEW_PER_CLASS = 10
SMALL_PX = 64
OVERRULE = (
    "To overrule this: --layout folders, csv or flat; --splits train=A,test=B or none; "
    "--column NAME."
)
UNEVEN = 10  # times as many images in the largest class as in the smallest


def describe_data(
    data: str, progress: Progress | None = None, reading: Reading = AS_FOUND
) -> dict[str, Any]:
    """Load a data set and say what it holds.

    Args:
        data: A named set, a folder, or a CSV manifest.
        progress: Called with (done, total) while files are read.
        reading: How a folder or a table is to be read, where that is said.

    Returns:
        Plain values: ``name source fingerprint layout images classes class_counts sizes
        value_range quarantined skipped duplicates notes overrule advice``; sizes are in pixels, a
        class's place in the list is the index of its output, and ``class_counts`` has the
        extremes of train.

    Raises:
        UserError: The data cannot be used.
        EdgesslError: A named set cannot be downloaded.
    """
    dataset = load_dataset(data, reading=reading, progress=progress)
    sizes = _sizes(dataset)
    return {
        "name": dataset.name,
        "source": dataset.source,
        "fingerprint": dataset.fingerprint,
        "layout": dataset.layout or "a named set",
        "images": {
            name: len(getattr(dataset, name)) for name in ("train", "val", "test", "unlabeled")
        },
        "classes": _classes(dataset),
        "class_counts": ClassCounts.of(dataset.train.labels or (), dataset.classes).to_dict(),
        "sizes": sizes,
        "value_range": None if dataset.value_range is None else dataset.value_range.to_dict(),
        "quarantined": [
            {"path": str(path), "reason": reason} for path, reason in dataset.quarantined
        ],
        "skipped": dict(dataset.skipped),
        "duplicates": dataset.duplicates,
        "notes": list(dataset.notes),
        "overrule": OVERRULE if dataset.layout else "",
        "advice": _advice(data, reading, dataset, sizes["short_side"]["median"]),
    }


def describe_cache(clear: bool) -> dict[str, Any]:
    """Return where the cache is and how many bytes each part takes.

    Args:
        clear: Whether to delete all of it first.

    Returns:
        ``folder``, ``bytes`` by part, ``packs`` one by one, and ``freed_bytes``.
    """
    freed = clear_cache() if clear else 0
    return {
        "folder": str(cache_root()),
        "bytes": cache_sizes(),
        "packs": [asdict(pack) for pack in list_packs()],
        "freed_bytes": freed,
    }


def _classes(dataset: Dataset) -> list[dict[str, Any]]:
    counts = {
        name: _count(dataset, split).tolist()
        for name, split in (("train", dataset.train), ("val", dataset.val), ("test", dataset.test))
    }
    return [
        {"name": name, **{split: counts[split][i] for split in counts}}
        for i, name in enumerate(dataset.classes)
    ]


def _count(dataset: Dataset, split: Split) -> NDArray[np.int64]:
    """Count the images of each class, ``(K,)``; one of several labels counts for each."""
    if dataset.tags:
        return np.asarray(tag_table(dataset, split).targets.sum(axis=0), np.int64)
    return np.bincount(split.labels or (), minlength=len(dataset.classes))


def _sizes(dataset: Dataset) -> dict[str, dict[str, float]]:
    paths = [
        path
        for split in (dataset.train, dataset.val, dataset.test, dataset.unlabeled)
        for path in split.paths
    ]
    found = verify(paths)
    sizes = np.array([(one.height, one.width) for one in found])  # (N, 2)
    measures = {"height": sizes[:, 0], "width": sizes[:, 1], "short_side": sizes.min(axis=1)}
    return {
        name: {"min": int(px.min()), "median": float(np.median(px)), "max": int(px.max())}
        for name, px in measures.items()
    }


def _advice(
    data: str, reading: Reading, dataset: Dataset, short_side_px: float
) -> list[str]:
    """Return what stands out most, if anything, and the next command."""
    per_class = _count(dataset, dataset.train)
    remarks = []
    if len(dataset.pretraining) < FEW_IMAGES:
        remarks.append(
            f"{len(dataset.pretraining)} images are few to pretrain on: "
            "add unlabelled ones of the same kind in unlabeled/."
        )
    if dataset.classes and per_class.min() < FEW_PER_CLASS:
        name = dataset.classes[int(per_class.argmin())]
        remarks.append(f"Class '{name}' has only {per_class.min()} training image(s): add some.")
    elif dataset.classes and per_class.max() > UNEVEN * per_class.min():
        remarks.append(
            f"Classes are uneven ({per_class.min()} to {per_class.max()} training images): "
            "read the accuracy of each class, not only the mean, and try --set "
            "finetune.balance=auto."
        )
    if short_side_px < SMALL_PX:
        remarks.append(
            f"Images are small (median short side {short_side_px:g} px): choose small views."
        )
    if not dataset.classes:
        remarks.append("To fine-tune and test as well, name labelled images with --labels.")
    command = f"edgessl recipe mobilenetv2-dino --data {shlex.quote(data)}{reading.options()}"
    return [*remarks[:1], f"Next: {command}"]
