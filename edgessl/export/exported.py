"""One file that an export wrote, with the outcome of every check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.artifact import Format, Metadata, Precision, Takes
from edgessl.export.gates.gate import Gate, failed


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that was written.

    Attributes:
        path: Where it is; ``*.failed.*`` if a gate failed.
        format: How it is stored.
        precision: Number format of its weights.
        takes: ``"normalised"`` images, or ``"pixels"`` of any height and width.
        batch: The batch size it is fixed to; None for any.
        purpose: What it is for, in a few words.
        opset: ONNX operator set; None for formats without.
        size_mb: Its size.
        metadata: What it says about itself, gates included.
        gates: The outcome of every check.
    """

    path: Path
    format: Format
    precision: Precision
    takes: Takes
    batch: int | None
    purpose: str
    opset: int | None
    size_mb: float
    metadata: Metadata
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether no gate failed."""
        return not failed(self.gates)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "path": str(self.path),
            "format": self.format,
            "precision": self.precision,
            "takes": self.takes,
            "batch": self.batch,
            "purpose": self.purpose,
            "opset": self.opset,
            "size_mb": self.size_mb,
            "head": self.metadata.head,
            "classes": list(self.metadata.classes),
            "passed": self.passed,
            "gates": [gate.to_dict() for gate in self.gates],
        }
