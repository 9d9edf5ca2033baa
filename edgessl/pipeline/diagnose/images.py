"""Which images ``edgessl diagnose`` looks at, and which of them a network was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgessl.data.dataset import Dataset, Split, as_scaled_by
from edgessl.data.load import load_dataset
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.data.value_range import described_by_network
from edgessl.diagnose.sample import Looked, look_at
from edgessl.diagnose.subject import Subject
from edgessl.errors import UserError, nearest
from edgessl.runs import trained_on

HELD_OUT = ("val", "test")


@dataclass(frozen=True, slots=True)
class Images:
    """What is looked at.

    Attributes:
        dataset: All images.
        train: Those that are learned from.
        held_out: Those of ``val`` or ``test``; None where there are none.
        notes: What was decided, one sentence each.
    """

    dataset: Dataset
    train: Looked
    held_out: Looked | None
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names where images have one each; else none."""
        return () if self.dataset.tags else self.dataset.classes

    @property
    def looked(self) -> tuple[Looked, ...]:
        """Train, and the held out ones where there are some."""
        return (self.train,) if self.held_out is None else (self.train, self.held_out)


def images_of(
    data: str, held_out: str, most: int, viewed: int, seed: int, reading: Reading,
    subjects: Sequence[Subject],
) -> Images:  # fmt: skip
    """Load the images, and draw those that are looked at.

    Args:
        data: What the user passed as ``--data``.
        held_out: ``val`` or ``test``.
        most: Images of each split that are looked at, at most.
        viewed: Of these, images whose views are compared.
        seed: Of the draw.
        reading: How the images are to be read; if nothing is said, as a network's run did.
        subjects: The networks: they say how their runs read images, and scale deep ones.

    Raises:
        UserError: The split is no such word or not there, or the images cannot be used.
        EdgesslError: A named set is not on this machine.
    """
    if held_out not in HELD_OUT:
        raise UserError(
            f"--split: must be val or test, got '{held_out}'{nearest(held_out, HELD_OUT)}"
        )
    provenances = [subject.provenance for subject in subjects]
    dataset = load_dataset(data, reading=_as_a_run(data, provenances, reading))
    if dataset.tags:  # none of them is the one class of an image
        dataset = replace(dataset, classes=())
    train = dataset.train if dataset.classes else replace(dataset.everything, labels=None)
    asked = dataset.val if held_out == "val" else dataset.test
    if held_out == "test" and not len(asked):
        raise UserError(
            f"--split test: must be in {dataset.source}, which has no test images; leave it out"
        )
    looked = look_at("train", train, most, viewed, seed)
    if min(len(train), len(looked.viewed)) < 2:
        raise UserError(
            f"{dataset.source}: must hold at least 2 different training images, got "
            f"{len(looked.viewed)}; add some"
        )
    other = look_at(held_out, asked, most, viewed, seed)
    enough = len(other.viewed) >= 2
    notes = [*_scaled(dataset, subjects), *(one.told for one in (looked, other) if one.told)]
    if not enough:
        notes.append(f"No {held_out} images are held out: all numbers are of train.")
    if dataset.tags:
        notes.append("Images have several labels: what needs one class an image is left out.")
    return Images(dataset, looked, other if enough else None, tuple(notes))


def _scaled(dataset: Dataset, subjects: Sequence[Subject]) -> tuple[str, ...]:
    """Return the notes of a set; each network scales values of more than 8 bits in its own way."""
    ranges = [subject.preprocess.value_range for subject in subjects]
    if all(one == ranges[0] for one in ranges) or dataset.value_range is None:
        return as_scaled_by(ranges[0], dataset).notes
    of_others = described_by_network(dataset.notes, ranges[0])
    kept = [note for note in of_others if note in dataset.notes]
    return (
        *kept,
        *(
            f"{subject.name}: {described_by_network((), own)[0]}"
            for subject, own in zip(subjects, ranges, strict=True)
        ),
    )


def _as_a_run(
    data: str, provenances: Sequence[Mapping[str, Any]], reading: Reading
) -> Reading:
    for known in provenances:
        own = Path(data).absolute() == Path(str(known.get("data") or "")).absolute()
        if reading == AS_FOUND and own and not known.get("labels"):
            return Reading.from_dict(dict(known))
    return reading


def seen_in_training(
    source: str, provenance: Mapping[str, Any], split: Split | None
) -> int | None:
    """Count the images of a split that a network was trained on, by content.

    Args:
        source: The file of the network.
        provenance: What it says of its run.
        split: The images.

    Returns:
        None where that is not known.
    """
    known = provenance.get("data_fingerprint")
    if known is None or split is None:
        return None
    recorded = trained_on.beside(Path(source), str(known))
    if recorded is None:
        return None
    return sum(bool(trained_on.shorten([digest]) & recorded) for digest in split.digests)
