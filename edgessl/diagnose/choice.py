"""Which of several networks to take, and why, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edgessl.diagnose.neighbours import Neighbours
from edgessl.diagnose.numbers import SplitNumbers
from edgessl.metrics.interval import Score, paired_difference

_SAME_MACS = 1.02
UNTOLD = (
    "Without labels nothing here tells which network serves your classes: label a few hundred "
    "images (`edgessl pick` says which) and ask again."
)
UNTOLD_SEVERAL = (
    "Images have several labels, so neighbours do not tell which network serves your classes: "
    "`edgessl eval --protocol map` scores the features of each."
)


class Candidate(Protocol):
    """What of a network the choice is made from."""

    @property
    def name(self) -> str: ...
    @property
    def macs(self) -> float | None: ...
    @property
    def judged(self) -> SplitNumbers: ...
    @property
    def neighbours(self) -> Neighbours | None: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One network's votes minus another's on the same images.

    Attributes:
        name: The other.
        value: Points of percent, the taken one's minus the other's.
        low: Lower end of the paired 95 % interval.
        high: Upper end.
    """

    name: str
    value: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """The difference as it stands in a sentence."""
        return f"{self.value:+.1f} points [{self.low:+.1f}, {self.high:+.1f}], paired"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which network to take.

    Attributes:
        take: Its name; empty where nothing tells.
        sentence: Why.
        differences: From the taken one to every other.
    """

    take: str
    sentence: str
    differences: tuple[Difference, ...] = ()


def choose(
    networks: Sequence[Candidate], summary: str, wrong: Mapping[str, Sequence[str]] | None = None,
    unasked: str = UNTOLD,
) -> Choice:  # fmt: skip
    """Take the network whose neighbours name the classes best, or the cheapest of equal ones.

    Args:
        networks: At least one.
        summary: What is said where there is only one.
        wrong: By name what is wrong with a network, in words that go on a sentence.
        unasked: What is said where neighbours were not asked about classes.
    """
    if len(networks) == 1:
        return Choice("", summary)
    if any(one.neighbours is None for one in networks):
        return Choice("", f"{unasked} {_hint(networks)}")
    leader = max(networks, key=lambda one: _score(one).value)
    equals = [
        one for one in networks if one is leader or _difference(leader, one).low <= 0
    ]
    taken = _cheapest(equals, leader)
    others = [one for one in networks if one is not taken]
    differences = tuple(_difference(taken, other) for other in others)
    why = _why(taken, leader, equals, differences)
    return Choice(taken.name, why + _but(others, wrong or {}), differences)


def _neighbours(one: Candidate) -> Neighbours:
    if one.neighbours is None:
        raise ValueError(f"{one.name} was not asked about classes")
    return one.neighbours


def _score(one: Candidate) -> Score:
    return _neighbours(one).score


def _difference(one: Candidate, other: Candidate) -> Difference:
    mine, theirs = _neighbours(one).right, _neighbours(other).right
    gained, lost = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    n = len(mine)
    low, high = paired_difference(lost, gained, n)
    return Difference(other.name, 100 * (gained - lost) / n, -high, -low)


def _cheapest(equals: Sequence[Candidate], leader: Candidate) -> Candidate:
    costs = [one.macs for one in equals if one.macs is not None]
    if len(costs) < len(equals) or leader.macs is None:
        return leader
    if leader.macs <= min(costs) * _SAME_MACS:
        return leader
    return min(equals, key=lambda one: (one.macs or 0.0, -_score(one).value))


def _why(
    taken: Candidate, leader: Candidate, equals: Sequence[Candidate],
    differences: Sequence[Difference],
) -> str:  # fmt: skip
    neighbours = _neighbours(taken)
    score, of = neighbours.score, _asked(neighbours)
    said = (
        f"Take {taken.name}: its nearest neighbours in train name the class of {score.value:.1f} % "
        f"of {of}"
    )
    if taken is not leader:
        found = next(one for one in differences if one.name == leader.name)
        return (
            f"{said}; that is not shown to be worse than {leader.name} ({found.words}), and it "
            f"needs {_millions(taken)} MACs an image against {_millions(leader)}."
        )
    other = min(differences, key=lambda one: one.value)
    if len(equals) == 1:
        rest = "" if len(differences) == 1 else ", the next best"
        return f"{said}, shown to be more than {other.name}{rest} ({other.words})."
    return (
        f"{said}, the most; but that is not shown to be more than {other.name} ({other.words}), "
        "and it costs no more. Fine-tune both, or ask more images."
    )


def _asked(neighbours: Neighbours) -> str:
    if neighbours.held_out == "train":
        return f"{neighbours.score.n:,} training images, each left out in turn"
    return f"{neighbours.score.n:,} {neighbours.held_out} images"


def _but(others: Sequence[Candidate], wrong: Mapping[str, Sequence[str]]) -> str:
    """Say what is wrong with those that are not taken."""
    told = [
        f" {one.name} {_joined(wrong[one.name])}." for one in others if wrong.get(one.name)
    ]
    return "".join(told)


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"


def _millions(one: Candidate) -> str:
    return f"{(one.macs or 0) / 1e6:.1f} M"


def _hint(networks: Sequence[Candidate]) -> str:
    best = max(networks, key=lambda one: one.judged.effective_rank)
    return (
        f"As a hint only, the features of {best.name} fill the most directions (effective rank "
        f"{best.judged.effective_rank:.0f})."
    )
