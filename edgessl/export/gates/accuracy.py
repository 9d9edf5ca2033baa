"""The test images that a checkpoint never saw, and how accurate a file is on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import Artifact
from edgessl.data.dataset import Dataset
from edgessl.data.load import dataset_of, load_dataset, reason_of
from edgessl.data.named import named_sets
from edgessl.data.original import Original, originals
from edgessl.data.parallel import ordered_map
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.data.tagged import TagTable, tag_table
from edgessl.errors import EdgesslError, UserError
from edgessl.export.gates.gate import Gate
from edgessl.metrics.interval import Score, paired_difference
from edgessl.metrics.topk import TOP5_FROM


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Test images with labels in the checkpoint's class order.

    Attributes:
        paths: The files; none where there is no data.
        labels: Index of each file's class in the checkpoint's classes; none where there is no
            accuracy to measure.
        missing: Why there are no labels; empty otherwise.
        changed: What is to be told of data that is no longer the run's; empty otherwise.
        digests: SHA-1 of each file's content when it was listed; none where nobody relies on it.
        several: Which classes each file shows, where it may show several; None otherwise.
    """

    paths: tuple[Path, ...] = ()
    labels: tuple[int, ...] = ()
    missing: str = ""
    changed: str = ""
    digests: tuple[str, ...] = ()
    several: TagTable | None = None

    @property
    def scored(self) -> int:
        """Number of files that have labels, the first ones."""
        return len(self.labels) if self.several is None else len(self.several.shown)

    @property
    def originals(self) -> tuple[Original, ...]:
        """The files, each with what it was when it was listed."""
        return originals(self.paths, self.digests)

    def some_paths(self, count: int) -> tuple[Path, ...]:
        """Take a few files, spread over the set.

        Args:
            count: How many, where there are as many.
        """
        step = max(1, len(self.paths) // count)
        return self.paths[::step][:count]

    def some_pixels(self, preprocess: Preprocess, count: int) -> NDArray[np.uint8] | None:
        """Decode a few images; ``(count, 3, S, S)``, or None where there is no data.

        Args:
            preprocess: The checkpoint's own.
            count: How many, where there are as many.
        """
        if not self.paths:
            return None
        step = max(1, len(self.paths) // count)
        digests = self.digests[::step][:count] or None
        return decode_eval(self.some_paths(count), preprocess, digests=digests)


def held_out(
    provenance: Mapping[str, Any], classes: tuple[str, ...], data: str | None, *,
    several: bool = False,
) -> HeldOut:
    """Load the test split a checkpoint's scores were measured on; nothing is downloaded.

    Args:
        provenance: What the checkpoint says of its run.
        classes: The checkpoint's classes, in the order of its outputs; none for features.
        data: Another data set to use instead; its classes are matched by name.
        several: Whether images may have several labels.

    Raises:
        UserError: ``data`` was given and cannot be read, or the data has classes the checkpoint
            lacks.
    """
    if data is not None:
        return _matched(load_dataset(data, download=False), classes, data, several=several)
    if not provenance.get("data"):
        return HeldOut(missing="the checkpoint names no data; pass --data")
    try:
        dataset = dataset_of(provenance)
    except (EdgesslError, OSError) as error:
        name = Path(provenance["data"]).name
        way_out = "pass --data"
        if name in named_sets():
            way_out = f"get it with `edgessl data {name}`, or pass --data"
        reason = reason_of(error, provenance["data"])
        return HeldOut(
            missing=f"the data '{name}' of the run is not to be had here ({reason}); {way_out}"
        )
    test = _matched(dataset, classes, provenance["data"], several=several)
    if provenance.get("data_fingerprint") in (None, dataset.fingerprint):
        return test
    return replace(test, changed="the data changed since the run: its fingerprint is another one")


def _matched(
    dataset: Dataset, classes: tuple[str, ...], where: str, *, several: bool
) -> HeldOut:
    if not classes:
        images = dataset.test if len(dataset.test) else dataset.pretraining
        return HeldOut(
            images.paths, missing="features have no classes to score", digests=images.digests
        )
    if dataset.classes and several is not bool(dataset.tags):
        found = "several" if dataset.tags else "one"
        raise UserError(
            f"{where}: must have {'several labels' if several else 'one label'} an image, as the "
            f"checkpoint was trained on, got {found}; pass the data it was trained for"
        )
    if not dataset.classes or not len(dataset.test):
        missing = f"{dataset.name} has no labelled test images"
        images = dataset.pretraining
        return HeldOut(images.paths, missing=missing, digests=images.digests)
    unknown = [name for name in dataset.classes if name not in classes]
    if unknown:
        raise UserError(
            f"{where}: must have classes the checkpoint knows ({', '.join(classes[:5])}, ...), "
            f"got unknown ones: {', '.join(unknown[:5])}; pass the data it was trained for"
        )
    if several:
        table = tag_table(dataset, dataset.test, classes)
        return HeldOut(dataset.test.paths, digests=dataset.test.digests, several=table)
    order = [classes.index(name) for name in dataset.classes]
    labels = tuple(order[label] for label in dataset.test.labels or ())
    return HeldOut(dataset.test.paths, labels, digests=dataset.test.digests)


CHUNK = 64  # images run at a time, which bounds memory

Run = Callable[[NDArray[Any]], NDArray[np.float32]]
Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answers:
    """The outputs for every test image, ``(N, K)`` each.

    Attributes:
        checkpoint: The checkpoint's.
        files: Each file's, in the order they were given.
    """

    checkpoint: NDArray[np.float32]
    files: tuple[NDArray[np.float32], ...]


def answers_of(
    test: HeldOut, preprocess: Preprocess, reference: Run, files: Sequence[Artifact]
) -> Answers:
    """Run the checkpoint and every file over the test images, each decoded once.

    Args:
        test: The test images, with labels.
        preprocess: The checkpoint's own, for the files that have none inside.
        reference: The checkpoint's network.
        files: The files.
    """
    rows: list[list[NDArray[np.float32]]] = [[] for _ in files]
    expected: list[NDArray[np.float32]] = []
    waiting: list[NDArray[np.uint8]] = []

    def flush() -> None:
        images = preprocess.normalise(np.stack(waiting))
        waiting.clear()
        expected.append(reference(images))
        for row, file in zip(rows, files, strict=True):
            if file.takes == "normalised":
                row.append(file.run(images))

    # Two at a time: the images are whole, and each may be large.
    labelled = test.originals[: test.scored]
    read = partial(Original.read, value_range=preprocess.value_range)
    for image in ordered_map(read, labelled, threads=2, ahead=2):
        waiting.append(preprocess.pixels(image))
        for row, file in zip(rows, files, strict=True):
            if file.takes == "pixels":  # the images differ in size, so they go one by one
                row.append(file.run(np.asarray(image)[None]))
        if len(waiting) == CHUNK:
            flush()
    if waiting:
        flush()
    return Answers(np.concatenate(expected), tuple(np.concatenate(row) for row in rows))


def in_top5(labels: Classes, outputs: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Say whether the true class is among the five likeliest.

    Args:
        labels: True classes, ``(N,)``.
        outputs: Of a file, ``(N, K)``.

    Returns:
        ``(N,)``; None with up to ten classes, where it would mean little.
    """
    if outputs.shape[1] < TOP5_FROM:
        return None
    likeliest = np.argpartition(outputs, -5, axis=1)[:, -5:]  # (N, 5)
    found: NDArray[np.bool_] = (likeliest == labels[:, None]).any(axis=1)
    return found


def check_accuracy(
    labels: Classes, expected: Classes, got: Classes, *, max_drop_percent: float,
    changed: str = "", top5: NDArray[np.bool_] | None = None,
) -> Gate:
    """Compare how often the file and the checkpoint are right, on the same images.

    Args:
        labels: True classes, ``(N,)`` with N >= 1.
        expected: The checkpoint's, ``(N,)``.
        got: The file's, ``(N,)``.
        max_drop_percent: Points of top-1 the file may lose.
        changed: What is to be told of images that are no longer the run's.
        top5: Whether the true class is among the file's five likeliest, ``(N,)``; it is told.
    """
    n = len(labels)
    right, right_before = got == labels, expected == labels
    score, before = (Score.from_counts(int(r.sum()), n) for r in (right, right_before))
    gained, lost = int((right & ~right_before).sum()), int((right_before & ~right).sum())
    difference = 100 * (gained - lost) / n
    low, high = paired_difference(gained, lost, n)
    numbers: Mapping[str, Any] = {
        "top1": score.to_dict(),
        "checkpoint_top1": before.to_dict(),
        "difference": {"value": difference, "low": low, "high": high, "n": n},
        "agreement_percent": 100 * float((got == expected).mean()),
        "max_drop_percent": max_drop_percent,
    }
    finding = (
        f"test top-1 {score.value:.1f} % through the file, {before.value:.1f} % through the "
        f"checkpoint: {difference:+.1f} points [{low:+.1f}, {high:+.1f}] on {n} images, paired"
    )
    passed = -difference <= max_drop_percent
    if passed and -low > max_drop_percent:
        finding += f"; with so few, a loss up to {-low:.1f} cannot be ruled out"
    if top5 is not None:
        five = Score.from_counts(int(top5.sum()), n)
        numbers = {**numbers, "top5": five.to_dict()}
        finding += f"; top-5 {five.value:.1f} % [{five.low:.1f}, {five.high:.1f}] through the file"
    if changed:
        finding += f"; {changed}"
    return Gate("accuracy", "pass" if passed else "fail", finding, dict(numbers))
