"""One check of an exported file, its outcome, and what to do where it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Gate:
        """Rebuild from ``to_dict``'s values, as a file carries them."""
        return cls(values["name"], values["status"], values["finding"], dict(values["numbers"]))


def failed(gates: Sequence[Gate]) -> tuple[str, ...]:
    """Return the names of the gates that failed."""
    return tuple(gate.name for gate in gates if gate.status == "fail")


BASIC = frozenset(
    ("structure", "labels", "preprocessing", "parity on extremes", "parity on images")
)
"""Gates without which a file may not run at all, or not as its network: it is not run over the test
images then. What it loses is another matter."""

REMEDIES = {
    "structure": "export again with the default --opset, and the newest torch and onnx",
    "labels": "export again from the ckpt.pt; the file says other classes or preprocessing than it",
    "preprocessing": "use model.onnx and prepare the images as preprocess.json says",
    "parity on extremes": "try --opset 17, which another exporter writes, or update torch and "
    "onnxruntime",
    "parity on images": "try --opset 17, which another exporter writes, or update torch and "
    "onnxruntime",
    "accuracy": "keep another format, or allow the loss with --max-drop",
    "own runtime": "see the finding; take another of the files, or ONNX (--target cpu)",
    "without torch": "see the finding: it is what a device without PyTorch would say",
}
"""Name of a gate -> the way out. Gates of one product only say theirs in their finding."""


def remedy(gates: Sequence[Gate]) -> str:
    """Return the way out of the first failure; those after it often follow from it.

    Args:
        gates: The gates of one file.

    Returns:
        A few words, or nothing where no gate failed.
    """
    wrong = failed(gates)
    return REMEDIES.get(wrong[0], "see its finding above") if wrong else ""
