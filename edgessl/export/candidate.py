"""A written file on its way through the gates: it gets its name only behind the last one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from edgessl.artifact import Artifact, Metadata, open_artifact
from edgessl.errors import GateFailed
from edgessl.export.core import Core
from edgessl.export.exported import Exported
from edgessl.export.gates.all_gates import BASIC
from edgessl.export.gates.gate import Gate, failed
from edgessl.export.product import Product
from edgessl.files import atomic_path


@dataclass(slots=True)
class Candidate:
    """A file that has to prove itself.

    Attributes:
        product: What it is to be.
        path: Where it lies meanwhile.
        metadata: What it says about itself.
        gates: The outcome of the checks so far.
        artifact: The opened file; None where it does not open.
    """

    product: Product
    path: Path
    metadata: Metadata
    gates: list[Gate] = field(default_factory=list)
    artifact: Artifact | None = None

    @property
    def broken(self) -> bool:
        """Whether it may not run at all, or not as its network; what it loses is another matter."""
        return not BASIC.isdisjoint(failed(tuple(self.gates)))


def write_candidate(core: Core, product: Product, scratch: Path) -> Candidate:
    """Write a product where it is not yet in anyone's way.

    Args:
        core: The export.
        product: The file to write.
        scratch: A folder on the same disk as the output folder.
    """
    metadata = replace(
        core.metadata, precision=product.precision, takes=product.takes,
        provenance={**core.metadata.provenance, **product.history},
    )
    path = scratch / product.name
    product.write(path, metadata)
    return Candidate(product, path, metadata)


def name_candidate(core: Core, candidate: Candidate, folder: Path) -> Exported:
    """Write a file again with the outcome of its gates inside, and give it its name.

    Args:
        core: The export.
        candidate: The file, behind its last gate.
        folder: The output folder. An older file there, passed or failed, is replaced.

    Raises:
        GateFailed: What was written does not read back.
    """
    product, gates = candidate.product, tuple(candidate.gates)
    metadata = replace(candidate.metadata, gates=tuple(gate.to_dict() for gate in gates))
    product.write(candidate.path, metadata)
    bad = failed(gates)
    if not bad and open_artifact(candidate.path).known().to_json() != metadata.to_json():
        raise GateFailed(f"{product.name}: the record of its gates did not read back as written")
    path = folder / (product.failed_name if bad else product.name)
    with atomic_path(path) as temporary:
        candidate.path.replace(temporary)
    # An older verdict on this file would mislead.
    (folder / (product.name if bad else product.failed_name)).unlink(missing_ok=True)
    return Exported(
        path=path,
        format=product.format,
        precision=product.precision,
        takes=product.takes,
        batch=product.batch,
        purpose=product.purpose,
        opset=core.target.opset if product.format == "onnx" else None,
        size_mb=path.stat().st_size / 1e6,
        metadata=metadata,
        gates=gates,
    )
