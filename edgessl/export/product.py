"""One file of an export: its name, what it is for, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgessl.artifact import Format, Metadata, Precision, Takes
from edgessl.export.gates.gate import Gate


def no_more_gates(_path: Path) -> tuple[Gate, ...]:
    """Check nothing that the other gates do not check."""
    return ()


@dataclass(frozen=True, slots=True)
class Product:
    """A file to write and to prove.

    Attributes:
        name: Its name in the output folder, ``model.*``.
        format: How it is stored.
        purpose: What it is for, in a few words.
        write: Called with a path and the metadata to put inside. Called twice, the second time
            with the outcome of the gates, so what it computes must be kept between the calls.
        precision: Number format of the weights.
        takes: ``"normalised"`` for ``(B, 3, S, S)`` float32; ``"pixels"`` for ``(B, H, W, 3)``
            uint8 of any height and width, where the preprocessing is inside.
        batch: The batch size it is fixed to; None for any.
        more_gates: Checks that only this product has, of the written file.
        history: What is added to its provenance, as plain values.
    """

    name: str
    format: Format
    purpose: str
    write: Callable[[Path, Metadata], None]
    precision: Precision = "fp32"
    takes: Takes = "normalised"
    batch: int | None = None
    more_gates: Callable[[Path], tuple[Gate, ...]] = no_more_gates
    history: dict[str, Any] = field(default_factory=dict)

    @property
    def failed_name(self) -> str:
        """The name it keeps when a gate failed: ``model.e2e.failed.onnx``."""
        stem, _, suffix = self.name.rpartition(".")
        return f"{stem}.failed.{suffix}"
