"""What every training of a run with answers at places shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from edgessl.train.place.context import Workplace

Kind = TypeVar("Kind")
"""``Task`` or ``TransferTask``."""


@dataclass(frozen=True)
class Work(Generic[Kind]):
    """A run at work.

    Attributes:
        task: What is learned.
        place: Where and with what it works.
        recipe: Resolved.
        images: The task's set.
        provenance: What every checkpoint says about where it comes from.
    """

    task: Kind
    place: Workplace
    recipe: Any
    images: Any
    provenance: dict[str, Any]
