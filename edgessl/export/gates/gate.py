"""One check of an exported file, and its outcome."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["pass", "fail", "skip"]


@dataclass(frozen=True, slots=True)
class Gate:
    """The outcome of one check.

    Attributes:
        name: What was checked.
        status: ``"skip"`` where something to check it with was missing.
        finding: The outcome in a few words.
        numbers: What was measured, units in the names.
    """

    name: str
    status: Status
    finding: str
    numbers: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def failed(gates: tuple[Gate, ...]) -> tuple[str, ...]:
    """Return the names of the gates that failed."""
    return tuple(gate.name for gate in gates if gate.status == "fail")
