"""Core ML's packages: converted here and read back, but run by nothing, and named so."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgessl.artifact import Precision
from edgessl.artifact.metadata import KEY
from edgessl.errors import UserError
from edgessl.export.core import Core
from edgessl.export.product import NotMade
from edgessl.export.targets.elsewhere import ELSEWHERE
from edgessl.export.targets.program import save_program
from edgessl.runtimes.converter import ConversionFailed, convert
from edgessl.runtimes.environment import python_for
from edgessl.runtimes.process import tell

TARGET = "coreml"
ENVIRONMENT = "coreml-converter"
NAMES: dict[Precision, str] = {
    "fp32": "model.unchecked.mlpackage", "fp16": "model.fp16.unchecked.mlpackage",
}  # fmt: skip
"""Precision -> the folder that Xcode and Core ML take as a model."""
WHY = "not run: Core ML runs on macOS and iOS only"
PRODUCTS = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A model that nothing here can run.

    Attributes:
        name: Of its folder.
        precision: Number format of its weights.
        finding: What could be read out of it.
        size_mb: Of all that is in it.
    """

    name: str
    precision: Precision
    finding: str
    size_mb: float

    @property
    def why(self) -> str:
        """Why nothing is proven of it."""
        return WHY

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "name": self.name, "precision": self.precision, "finding": self.finding,
            "size_mb": self.size_mb, "checked": False, "why": self.why,
        }  # fmt: skip


def refuse_unchecked(target: str | None, head: str | None) -> None:
    """Refuse ``--unchecked`` where it has no meaning.

    Args:
        target: What was asked for.
        head: The output that was asked for.

    Raises:
        UserError: The target is another one, or the output is two.
    """
    known = ELSEWHERE.get((target or "").lower())
    if known is None or known.name != TARGET:
        why = f": {known.why}" if known else ", whose files are proven"
        raise UserError(
            f"--unchecked: must come with --target {TARGET}, got "
            f"{f'--target {target}{why}' if target else 'none'}; leave it out"
        )
    if head == "prototypes":
        raise UserError(
            "--head: must be one output for --target coreml, got prototypes; use logits, probs or "
            "features"
        )


def prepare_converter() -> None:
    """Make the converter's environment, before any work that would be lost.

    Raises:
        UserError: It is not to be had.
        EdgesslError: Making it failed.
    """
    python_for(ENVIRONMENT, tell)


def write_unchecked(
    core: Core, folder: Path, say: Callable[[str], None]
) -> tuple[tuple[Unchecked, ...], tuple[NotMade, ...]]:
    """Convert a network for Core ML, and read back what was written.

    Args:
        core: The network.
        folder: Where the packages are to lie; older ones there are replaced.
        say: Called with the name of each step.

    Returns:
        What was written, and what the converter gave up on or got visibly wrong.
    """
    written, lost = [], []
    with tempfile.TemporaryDirectory(prefix="edgessl-") as scratch:
        save_program(core, Path(scratch) / "network.pt2")
        for precision, name in NAMES.items():
            say(f"converting to {name}")
            try:
                finding = _converted(core, precision, Path(scratch), say)
            except ConversionFailed as error:
                lost.append(NotMade(name, " ".join(str(error).split())))
                continue
            shutil.rmtree(folder / name, ignore_errors=True)
            shutil.copytree(Path(scratch) / "made.mlpackage", folder / name)
            size = sum(part.stat().st_size for part in parts_of(folder, name)) / 1e6
            written.append(Unchecked(name, precision, finding, size))
    return tuple(written), tuple(lost)


def parts_of(folder: Path, name: str) -> tuple[Path, ...]:
    """Return the files of a package, sorted.

    Args:
        folder: Where it lies.
        name: A value of ``NAMES``.
    """
    return tuple(sorted(path for path in (folder / name).rglob("*") if path.is_file()))


def _converted(
    core: Core, precision: Precision, scratch: Path, say: Callable[[str], None]
) -> str:
    metadata = replace(
        core.metadata, precision=precision,
        provenance={**core.metadata.provenance, "checked": WHY},
    )  # fmt: skip
    text = metadata.to_json()
    asked = {
        "program": "network.pt2", "precision": precision, "output": metadata.head,
        "text": {KEY: text},
    }  # fmt: skip
    found = convert(ENVIRONMENT, "to_coreml.py", asked, scratch, say)
    return judged(core, text, found)


def judged(core: Core, text: str, found: Mapping[str, Any]) -> str:
    """Say what was read back of a package; refuse one that is wrong already on paper.

    Args:
        core: The network.
        text: The metadata that it must carry.
        found: What its converter read back: ``shapes`` by name, ``products``, ``text``.

    Raises:
        ConversionFailed: It does not fit the network.
    """
    side, outputs = core.metadata.input_px, core.graph.graph.output[0].type.tensor_type.shape.dim
    shapes = {"images": [1, 3, side, side], core.metadata.head: [1, outputs[1].dim_value]}
    if found["shapes"] != shapes:
        raise ConversionFailed(f"its shapes must be {shapes}, got {found['shapes']}")
    if found["text"].get(KEY) != text:
        raise ConversionFailed("classes and preprocessing did not read back as written")
    products = sum(node.op_type in PRODUCTS for node in core.graph.graph.node)
    if found["products"] != products:
        raise ConversionFailed(f"it must have {products} products, got {found['products']}")
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    told = " and ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
    return f"converted by {versions}; read back: {told}, {products} products, classes"
