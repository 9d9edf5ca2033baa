"""Which images an evaluation scores, which it may learn from, and which its network has seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.data.dataset import Dataset, Listing
from edgessl.data.given import Given, all_given, list_given, with_train
from edgessl.data.load import dataset_of, load_dataset
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.errors import EdgesslError, UserError
from edgessl.evaluate.protocols import OWN_ANSWERS, Protocol
from edgessl.runs import trained_on


@dataclass(frozen=True, slots=True)
class ScoredImages:
    """The images of one evaluation.

    Attributes:
        dataset: Its ``test`` is scored; ``train`` and ``val`` are what the protocol learns from.
        origin: Where they are from: ``"all"``, or the split ``"test"`` or ``"val"`` of the source,
            or ``"held out"`` of a source without such splits.
        told: What is scored and what was taken to learn from, in a sentence.
        trained_on: How many of the scored images the network was trained on; None if the images
            of its run are not known here.
        of_run: Whether the network says that it comes from a run.
    """

    dataset: Dataset
    origin: str
    told: str
    trained_on: int | None
    of_run: bool

    @property
    def warning(self) -> str:
        """Say that a score is too high because of images that were trained on; empty if none."""
        if self.trained_on is None and self.of_run:
            return (
                "Whether training images of this network's run are among them is not known: the "
                "run's folder is not beside it, and its images are not here, or were changed."
            )
        if not self.trained_on:
            return ""
        return (
            f"{self.trained_on} of the {len(self.dataset.test)} images scored are training images "
            "of this network's run, by content: the score is too high for images it has not seen."
        )


def choose_images(
    data: str, name: str, protocol: Protocol, model: Path, provenance: Mapping[str, Any],
    reading: Reading = AS_FOUND,
) -> ScoredImages:
    """Choose what is scored: all that is given, unless the source says what its test is.

    The data of the network's own run are split as that run split them. A protocol that learns
    takes ``train``, and holds test images out of it only where there are none.

    Args:
        data: What the user passed as ``--data``.
        name: Of the protocol.
        protocol: What it needs.
        model: The file of the network.
        provenance: What it says of its run.
        reading: How the images are to be read; if nothing is said, as the network's own run did.

    Raises:
        UserError: There is nothing to score or to learn from.
        EdgesslError: A named set is not on this machine.
    """
    learns = "train" in protocol.splits
    reading = _as_its_run(data, provenance, reading)
    listing = list_given(data, reading)
    _refuse_unlabelled(listing, several=protocol is OWN_ANSWERS)
    if own := _of_own_run(data, provenance, reading):
        told = f"{own.name} is what this network was trained on, split as its run split it: "
        told += _learning(name, own, "its ") if learns else f"{len(own.test)} test images scored."
        dataset, origin = own, "test"
    elif learns:
        dataset, origin = _to_learn_from(data, listing, name, reading)
        of = "images of val" if origin == "val" else "test images"
        told = _learning(name, dataset, "the ", f" of {dataset.name}", of=of)
    else:
        given = all_given(listing)
        dataset, origin, told = given.dataset, given.origin, _scoring(given)
    count = seen_of(dataset, [(model, provenance)], own)
    of_run = provenance.get("data_fingerprint") is not None
    return ScoredImages(dataset, origin, told, count, of_run)


def choose_tagged(
    data: str, name: str, model: Path, provenance: Mapping[str, Any], reading: Reading = AS_FOUND
) -> ScoredImages:
    """Choose the images of several labels that classifiers on frozen features learn from.

    The data of the network's own run are split as that run split them. Of others nothing is held
    out for ``val``, on which nothing is chosen.

    Args:
        data: What the user passed as ``--data``.
        name: Of the protocol.
        model: The file of the network.
        provenance: What it says of its run.
        reading: How the images are to be read; if nothing is said, as the network's own run did.

    Raises:
        UserError: The images do not have several labels each.
        EdgesslError: A named set is not on this machine.
    """
    reading = _as_its_run(data, provenance, reading)
    own = _of_own_run(data, provenance, reading)
    dataset = own or load_dataset(data, reading=reading, val_percent=0, download=False)
    if not dataset.tags:
        raise UserError(
            f"{dataset.source}: must have images with several labels each for --protocol {name}, "
            "as voc2007 has, found others; use --protocol knn, linear or top1"
        )
    if own:
        told = f"{own.name} is what this network was trained on, split as its run split it: "
        told += _learning(name, own, "its ")
    else:
        told = _learning(name, dataset, "the ", f" of {dataset.name}")
    count = seen_of(dataset, [(model, provenance)], own)
    of_run = provenance.get("data_fingerprint") is not None
    return ScoredImages(dataset, "test", told, count, of_run)


def seen_of(
    dataset: Dataset, networks: Sequence[tuple[Path, Mapping[str, Any]]],
    own: Dataset | None = None,
) -> int | None:
    """Count the scored images that a network was trained on, or one of several together.

    Args:
        dataset: Its ``test`` is scored.
        networks: The file of each, and what it says of its run.
        own: The images of the run of one network alone, where they are at hand.

    Returns:
        None where that is known of none of them.
    """
    found = [_seen(model, provenance, own) for model, provenance in networks]
    known = [one for one in found if one is not None]
    if not known:
        return None
    together = frozenset().union(*known)
    short = trained_on.shorten
    return sum(bool(short([digest]) & together) for digest in dataset.test.digests)


def _refuse_unlabelled(listing: Listing, *, several: bool) -> None:
    tagged = any(entry.tags is not None for entry in listing.entries)
    if several and not tagged:
        raise UserError(
            f"{listing.source}: must have images with several labels each for this network, which "
            "finds several, found others; write them as a|b in a table, or give VOC's layout"
        )
    if several:
        return
    if tagged:
        raise UserError(
            f"{listing.source}: must have one label an image for this protocol, found images with "
            "several; use --protocol map"
        )
    if not any(entry.label for entry in listing.entries):
        raise UserError(
            f"{listing.source}: must have labelled test images, found no labels at all; "
            "give one folder per class, or a manifest with labels"
        )


def _as_its_run(data: str, provenance: Mapping[str, Any], reading: Reading) -> Reading:
    """Return how the images of the network's own run were read, if they are these."""
    own = Path(data).absolute() == Path(provenance.get("data") or "").absolute()
    if reading == AS_FOUND and own and not provenance.get("labels"):
        return Reading.from_dict(provenance)
    return reading


def _of_own_run(
    data: str, provenance: Mapping[str, Any], reading: Reading
) -> Dataset | None:
    """Load the images as the network's run split them; None if they are others."""
    known = provenance.get("data_fingerprint")
    if known is None:
        return None
    try:
        dataset = load_dataset(data, reading=reading, download=False)
        if dataset.fingerprint != known:
            dataset = dataset_of({**provenance, "data": data, **reading.said()})
    except (UserError, KeyError):  # the run's labels do not go with these images
        return None
    own = dataset.fingerprint == known and dataset.classes and len(dataset.test)
    return dataset if own else None


def _to_learn_from(
    data: str, listing: Listing, name: str, reading: Reading
) -> tuple[Dataset, str]:
    counts = Counter(entry.split for entry in listing.entries if entry.label)
    if not counts["train"]:
        found = " and ".join(f"{count} of {split}" for split, count in counts.items())
        raise UserError(
            f"{listing.source}: must hold training images for --protocol {name}, found {found} "
            "alone; pass a folder with train/ beside them (or a manifest with rows of both), or "
            "score a classifier, which needs none, with --protocol top1"
        )
    if counts["val"] and not counts["test"]:
        return with_train(listing).dataset, "val"
    dataset = load_dataset(data, reading=reading, download=False)
    return dataset, "test" if counts["test"] else "held out"


def _seen(
    model: Path, provenance: Mapping[str, Any], own: Dataset | None
) -> frozenset[str] | None:
    """Return the shortened digests of the images that a network was trained on."""
    known = provenance.get("data_fingerprint")
    if known is None:
        return None
    recorded = trained_on.beside(model, known)
    if recorded is not None:
        return recorded
    try:
        dataset = own or dataset_of(provenance)
    except (EdgesslError, KeyError):  # it is not here any more
        return None
    if dataset.fingerprint != known:
        return None
    return trained_on.shorten(dataset.everything.digests)


def _scoring(given: Given) -> str:
    dataset, place = given.dataset, given.dataset.name
    count = len(dataset.test)
    if given.origin == "all":
        return f"Scored: all images of {place}, {count}."
    rest = " and ".join(f"{n} of {split}" for split, n in given.others.items())
    more = f"; {rest} are not" if rest else ""
    return f"Scored: the {count} images of {given.origin} in {place}{more}."


def _learning(
    name: str, dataset: Dataset, whose: str, place: str = "", *, of: str = "test images"
) -> str:
    chosen = f" (and {len(dataset.val)} of val)" if name == "linear" and len(dataset.val) else ""
    return (
        f"{name} learns from {whose}{len(dataset.train)} training images{place}{chosen} and scores "
        f"{whose}{len(dataset.test)} {of}."
    )

