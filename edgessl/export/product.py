"""One file of an export: what is to be written, what was written, and how it gets its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgessl.artifact import Format, Metadata, Precision, Takes, read_metadata
from edgessl.errors import GateFailed
from edgessl.export.gates.gate import Gate, failed
from edgessl.export.gates.proven_with import proven_with
from edgessl.files import atomic_path
from edgessl.runtimes.formats import companions_of, size_in_bytes


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


@dataclass(frozen=True, slots=True)
class NotMade:
    """A file that a converter gave up on.

    Attributes:
        name: The name it would have got.
        reason: The converter's last words.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file that was written, with the outcome of every check.

    Attributes:
        path: Where it is; ``*.failed.*`` if a gate failed.
        format: How it is stored.
        purpose: What it is for, in a few words.
        metadata: What it says about itself; gates included, as soon as it has its name.
        size_mb: Its size.
        batch: The batch size it is fixed to; None for any.
        opset: ONNX operator set; None for formats without.
        gates: The outcome of every check so far.
    """

    path: Path
    format: Format
    purpose: str
    metadata: Metadata
    size_mb: float
    batch: int | None = None
    opset: int | None = None
    gates: tuple[Gate, ...] = ()

    @property
    def precision(self) -> Precision:
        """Number format of its weights."""
        return self.metadata.precision

    @property
    def takes(self) -> Takes:
        """``"normalised"`` images, or ``"pixels"`` of any height and width."""
        return self.metadata.takes

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
            **({"thresholds": list(self.metadata.thresholds)} if self.metadata.thresholds else {}),
            "passed": self.passed,
            "gates": [gate.to_dict() for gate in self.gates],
        }


def size_mb(path: Path) -> float:
    """Return the size of a model, with the files that belong to it, in millions of bytes."""
    return size_in_bytes(path) / 1e6


def write_aside(product: Product, metadata: Metadata, opset: int, scratch: Path) -> ExportedFile:
    """Write a product where it is not yet in anyone's way.

    Args:
        product: The file to write.
        metadata: What every file of the export says about itself.
        opset: ONNX operator set, for a file that has one.
        scratch: A folder on the same disk as the output folder.
    """
    own = replace(
        metadata, precision=product.precision, takes=product.takes,
        provenance={**metadata.provenance, **product.history},
    )
    path = scratch / product.name
    product.write(path, own)
    return ExportedFile(
        path, product.format, product.purpose, own, size_mb(path),
        batch=product.batch, opset=opset if product.format == "onnx" else None,
    )


def give_name(product: Product, file: ExportedFile, folder: Path) -> ExportedFile:
    """Write a file again with the outcome of its gates inside, and give it its name.

    Args:
        product: What it was to be.
        file: The file aside, behind its last gate.
        folder: The output folder. An older file there, passed or failed, is replaced.

    Raises:
        GateFailed: What was written does not read back.
    """
    metadata = replace(
        file.metadata, gates=tuple(gate.to_dict() for gate in file.gates),
        provenance={
            **file.metadata.provenance, "proven_with": proven_with(file.format, file.gates),
        },
    )  # fmt: skip
    product.write(file.path, metadata)
    if file.passed and read_metadata(file.path)[1] != Metadata.from_json(metadata.to_json(), ""):
        raise GateFailed(f"{product.name}: the record of its gates did not read back as written")
    names = (product.name, product.failed_name)
    name, other = names if file.passed else reversed(names)
    parts = zip(
        (*companions_of(file.path), file.path),
        (*companions_of(folder / name), folder / name), strict=True,
    )  # fmt: skip
    for source, place in parts:
        with atomic_path(place) as temporary:
            source.replace(temporary)
    for old in (folder / other, *companions_of(folder / other)):
        old.unlink(missing_ok=True)  # an older verdict on this file would mislead
    return replace(
        file, path=folder / name, metadata=metadata, size_mb=size_mb(folder / name)
    )
