"""The outcome: what each network's features are like, what that means, and which to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl import __version__
from edgessl.diagnose.choice import Choice
from edgessl.diagnose.finding import Finding
from edgessl.diagnose.localise import Localisation
from edgessl.diagnose.neighbours import Neighbours
from edgessl.diagnose.numbers import SplitNumbers
from edgessl.metrics.interval import Score
from edgessl.metrics.majority import Majority


@dataclass(frozen=True, slots=True)
class Examined:
    """One network, examined.

    Attributes:
        name: Tells it from the others.
        source: What the user named.
        gives: ``"features"`` or ``"logits"``.
        side_px: Side of the images that it is given.
        params: Parameters without a classifier; of a file all; None if not counted.
        macs: Multiply-accumulates of an image, counted likewise.
        splits: Its numbers, train first.
        held_out: Neighbours in train of the held out images; None without labels or such images.
        in_train: Neighbours of train among themselves; None without labels.
        localisation: Whether it looks at the object; None without boxes or maps.
        trained_on: Held out images that it was trained on; None if that is not known.
        notes: What is to be known of it.
    """

    name: str
    source: str
    gives: str
    side_px: int
    params: float | None
    macs: float | None
    splits: tuple[SplitNumbers, ...]
    held_out: Neighbours | None
    in_train: Neighbours | None
    localisation: Localisation | None
    trained_on: int | None
    notes: tuple[str, ...]

    @property
    def neighbours(self) -> Neighbours | None:
        """The held out ones where there are some, else those in train."""
        return self.held_out or self.in_train

    @property
    def judged(self) -> SplitNumbers:
        """The numbers that it is judged by: of the held out split where there is one."""
        return self.splits[-1]


@dataclass(frozen=True, slots=True)
class Baselines:
    """What a network has to beat on the held out images.

    Attributes:
        majority: Always answering the most frequent class.
        thumbnails: 5 nearest 16 x 16 thumbnails.
        against: By network's name its votes minus the thumbnails': points, with the paired 95 %
            interval.
    """

    majority: Majority
    thumbnails: Score
    against: Mapping[str, tuple[float, float, float]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "majority": self.majority.to_dict(), "thumbnail_knn_top1": self.thumbnails.to_dict(),
            "against_thumbnails": {
                name: dict(zip(("value", "low", "high"), found, strict=True))
                for name, found in self.against.items()
            },
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The outcome of one ``edgessl diagnose``.

    Attributes:
        data: Name of the images.
        source: What the user named.
        classes: Class names; empty without labels.
        held_out: The split that is held out; empty where there is none.
        networks: In the order in which they were named.
        baselines: What they have to beat; None without labels or a held out split.
        findings: By network's name what is good, wrong, and to be done.
        choice: Which to take.
        next: Commands to go on with.
        notes: What is to be known of the images.
        page: Where the page is; None if none was asked for.
    """

    data: str
    source: str
    classes: tuple[str, ...]
    held_out: str
    networks: tuple[Examined, ...]
    baselines: Baselines | None
    findings: Mapping[str, tuple[Finding, ...]]
    choice: Choice
    next: tuple[str, ...]
    notes: tuple[str, ...]
    page: Path | None = None

    @property
    def ks(self) -> tuple[int, ...]:
        """Numbers of neighbours that were asked; none without labels."""
        asked = self.networks[0].neighbours
        return () if asked is None else tuple(asked.knn)

    @property
    def answer(self) -> str:
        """Which network to take and why, or what one is like, in sentences."""
        return self.choice.sentence

    def to_dict(self) -> dict[str, Any]:
        """Return what ``edgessl diagnose --json`` prints."""
        return {
            "edgessl": __version__, "data": self.data, "source": self.source,
            "classes": list(self.classes), "held_out": self.held_out or None,
            "answer": self.answer, "take": self.choice.take, "next": list(self.next),
            "networks": [self._network(one) for one in self.networks],
            "baselines": None if self.baselines is None else self.baselines.to_dict(),
            "notes": list(self.notes),
        }  # fmt: skip

    def _network(self, one: Examined) -> dict[str, Any]:
        return {
            "name": one.name, "source": one.source, "gives": one.gives, "size_px": one.side_px,
            "params": one.params, "macs": one.macs,
            "splits": {numbers.split: numbers.to_dict() for numbers in one.splits},
            "neighbours": None if one.held_out is None else one.held_out.to_dict(),
            "leave_one_out": None if one.in_train is None else one.in_train.to_dict(),
            "localisation": None if one.localisation is None else one.localisation.to_dict(),
            "trained_on": one.trained_on,
            "findings": [finding.to_dict() for finding in self.findings[one.name]],
            "notes": list(one.notes),
        }  # fmt: skip
