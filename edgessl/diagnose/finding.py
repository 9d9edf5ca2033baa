"""One thing that the numbers say of a network, in a sentence, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["good", "wrong", "open"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is good, wrong, or left open.

    Attributes:
        kind: Which.
        about: The number it is read from, in a word.
        text: A sentence.
        todo: What to do; empty where nothing is.
        short: The same of the network, as it goes on a sentence that named it; may be empty.
    """

    kind: Kind
    about: str
    text: str
    todo: str = ""
    short: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)
