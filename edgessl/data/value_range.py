"""Which pixel values are black and white in a set whose files hold more than 8 bits a channel.

The container does not say it: 12 bits of a camera lie in files of 16, and so do 8. So the range is
judged over the set, never over one image, and goes with the network into every file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["integers", "floats"]
Range = tuple[float, float]
EIGHT_BITS: Range = (0.0, 255.0)

_DEPTHS = (8, 10, 12, 14, 16)  # of sensors and of the files that they write
_FEW_LEVELS = 32  # up to here, 8-bit integers in a wider file would be nearly black
_NARROW = 8  # a set that uses less than this part of its depth is judged by its own values
_OUTLIERS = 8  # times as large as nearly all other values: dead pixels, and not a wider depth
_FLAT_LEVELS = 4.0  # of 255: less between an image's extremes is nearly one colour
_FLAT_SHARE = 0.9  # of the images


@dataclass(frozen=True, slots=True)
class Values:
    """The pixel values of one file, as they are stored.

    Attributes:
        kind: What they are in files of more than 8 bits a channel; empty for 8 bits.
        low: The smallest.
        high: The largest.
        least: Nearly the smallest: all but 0.1 % of the values are above.
        most: Nearly the largest.
    """

    kind: Kind | Literal[""]
    low: float
    high: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The stored values that are black and white, for each kind of number; None where unknown.

    Attributes:
        integers: Of files with 16 or more bits a channel.
        floats: Of files with real numbers.
    """

    integers: Range | None = None
    floats: Range | None = None

    def of(self, kind: Kind) -> Range | None:
        """Return the range of one kind of number."""
        return self.integers if kind == "integers" else self.floats

    def to_dict(self) -> dict[str, list[float]]:
        """Return plain values, without what is unknown."""
        return {kind: list(pair) for kind, pair in asdict(self).items() if pair is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ValueRange:
        """Rebuild from ``to_dict``'s values."""
        return cls(**{kind: (float(pair[0]), float(pair[1])) for kind, pair in values.items()})


def judge_set(values: Iterable[Values]) -> ValueRange | None:
    """Judge the range of a set.

    Args:
        values: Those of every file.

    Returns:
        The range, the same for all files; None where all have 8 bits.
    """
    found: dict[str, list[Values]] = {"integers": [], "floats": []}
    for one in values:
        if one.kind:
            found[one.kind].append(one)
    if not any(found.values()):
        return None
    ranges = {kind: _judge(_together(members)) for kind, members in found.items() if members}
    return ValueRange(ranges.get("integers"), ranges.get("floats"))


def judge_alone(values: Values) -> Range:
    """Judge the range of one file that belongs to no set: the smallest depth that holds it."""
    return _of_depth(values.low, values.high, values.kind)


def _together(members: list[Values]) -> Values:
    return Values(
        members[0].kind,
        min(one.low for one in members), max(one.high for one in members),
        min(one.least for one in members), max(one.most for one in members),
    )  # fmt: skip


def _judge(values: Values) -> Range:
    low, high = _of_depth(values.low, values.high, values.kind)
    kept = _of_depth(min(values.least, max(values.low, 0.0)), values.most, values.kind)
    if values.low >= 0 and high >= _OUTLIERS * kept[1]:
        low, high = kept
    if high <= EIGHT_BITS[1] and values.kind == "integers":
        few = 0 <= values.low and values.most < _FEW_LEVELS and values.most > values.least
        return (0.0, values.most) if few else (low, high)
    if 0 < values.most - values.least < (high - low) / _NARROW:
        return values.least, values.most
    return low, high


def _of_depth(low: float, high: float, kind: str) -> Range:
    if kind == "floats" and low >= -1 and high <= 1:
        return (0.0, 1.0) if low >= 0 else (-1.0, 1.0)
    if low < 0 or high > 2 ** _DEPTHS[-1] - 1 or (kind == "floats" and high < _FEW_LEVELS):
        return low, max(high, low + 1)
    return 0.0, float(next(2**bits - 1 for bits in _DEPTHS if high <= 2**bits - 1))


def describe(values: Iterable[Values], found: ValueRange | None) -> list[str]:
    """Say how values are scaled, and warn of a set in which next to nothing is to be seen.

    Args:
        values: Those of every file.
        found: As judged over them.
    """
    values = list(values)
    notes = []
    for kind in ("integers", "floats"):
        pair = None if found is None else found.of(kind)
        if pair is not None:
            count = sum(one.kind == kind for one in values)
            clipped = any(
                one.kind == kind and (one.low < pair[0] or one.high > pair[1]) for one in values
            )
            name = "integers of 16 or more bits" if kind == "integers" else "floats"
            notes.append(
                f"{count} image(s) hold {name}: their values {pair[0]:g} to {pair[1]:g}, "
                f"{_JUDGED}, here and wherever the network is used."
                + (" A few values lie outside and are clipped." if clipped else "")
            )
    flat = sum(_levels(one, found) < _FLAT_LEVELS for one in values)
    if values and flat >= _FLAT_SHARE * len(values):
        notes.append(
            f"Warning: {flat} of {len(values)} images are nearly one colour each (under "
            f"{_FLAT_LEVELS:g} of 255 levels between their darkest and brightest parts), so there "
            "is next to nothing to learn from. If they should show more, look at how they were "
            "written, and write them again as 8-bit images that use 0 to 255."
        )
    return notes


def described_by_network(notes: Iterable[str], own: ValueRange | None) -> tuple[str, ...]:
    """Say how a network scales values, in place of how its own training on them would.

    Args:
        notes: Of a set with more than 8 bits.
        own: The network's range; None where its training images had 8 bits.
    """
    kept = [note for note in notes if _JUDGED not in note]
    known = (own or ValueRange()).to_dict()
    told = " and ".join(f"{kind} {low:g} to {high:g}" for kind, (low, high) in known.items())
    return (
        *kept,
        f"Values of more than 8 bits are scaled as those of the network's training images: {told} "
        "become 0 to 255."
        if known else
        "The network was trained on images of 8 bits: each file of more is scaled by the depth "
        "that holds its values (8, 10, 12, 14 or 16 bits).",
    )  # fmt: skip


_JUDGED = "judged over the set, become 0 to 255"


def _levels(values: Values, found: ValueRange | None) -> float:
    low, high = EIGHT_BITS
    if values.kind and found is not None:
        low, high = found.of(values.kind) or EIGHT_BITS
    least, most = (min(max(value, low), high) for value in (values.least, values.most))
    return 255.0 * (most - least) / (high - low)
