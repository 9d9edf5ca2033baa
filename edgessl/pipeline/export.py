"""From a checkpoint to files for a device, each proven by its gates before it gets its name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgessl import checkpoint
from edgessl.artifact import Artifact, Format, Metadata, Precision, Takes, open_artifact
from edgessl.artifact.metadata import KEY
from edgessl.backbones import deployable_from
from edgessl.data.preprocess import Preprocess
from edgessl.errors import GateFailed, UserError
from edgessl.export.accuracy import answers_of, check_accuracy
from edgessl.export.bundle import BundledModel, Origin, refuse_foreign, write_bundle
from edgessl.export.core import Core
from edgessl.export.gate import Gate, failed
from edgessl.export.gates import BASIC, check_answers, check_file, needs_torch, sample_input
from edgessl.export.held_out import held_out
from edgessl.export.network import with_head
from edgessl.export.product import Product
from edgessl.export.products import products_of
from edgessl.export.provenance import portable
from edgessl.export.record import write_record
from edgessl.export.runners import Runner, add_runner, prepare_runners
from edgessl.export.target import Target, read_target
from edgessl.export.without_torch import check_without_torch
from edgessl.files import atomic_path
from edgessl.pipeline.int8 import int8_products

Say = Callable[[str], None]


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


@dataclass(slots=True)
class _Candidate:
    """A written file on its way through the gates."""

    product: Product
    path: Path
    metadata: Metadata
    gates: list[Gate] = field(default_factory=list)
    artifact: Artifact | None = None  # None where it does not open

    @property
    def broken(self) -> bool:
        """Whether it may not run at all, or not as its network; what it loses is another matter."""
        return not BASIC.isdisjoint(failed(tuple(self.gates)))


def export_checkpoint(
    path: Path,
    *,
    formats: tuple[str, ...] = (),
    opset: int | None = None,
    head: str | None = None,
    target_name: str | None = None,
    data: str | None = None,
    max_drop_percent: float | None = None,
    out: Path | None = None,
    runners: Sequence[Runner] = (),
    say: Say = lambda _line: None,
) -> tuple[Exported, ...]:
    """Export a checkpoint's network and check every file against it.

    Args:
        path: The ``ckpt.pt`` of a run folder.
        formats: ``"onnx"``, ``"torchscript"``, ``"pt2"``, ``"ort"``, ``"int8"``; none for the
            named target's own, or else ONNX.
        opset: ONNX operator set, 13 to 24; None for the target's.
        head: ``"logits"``, ``"probs"`` or ``"features"``; None for the checkpoint's own.
        target_name: A name in ``export/targets/`` or a TOML file; None for ``cpu``.
        data: Data set for the accuracy gate; None for the one the checkpoint was trained on.
        max_drop_percent: Points of test top-1 that a file may lose; None for the target's.
        out: Folder to write to; None for the checkpoint's.
        runners: ``"web"``, ``"cpp"``: what to add to the bundle beside run.py.
        say: Called with the name of each step.

    Returns:
        The files, failed ones included. The same is under ``export`` in the folder's
        ``report.json``.

    Raises:
        UserError: Something asked for does not exist or does not fit.
    """
    target = read_target(target_name or "cpu")
    formats = formats or (target.formats if target_name else ("onnx",))
    _refuse_formats(formats, target)
    folder = out or path.parent
    if folder.exists() and not folder.is_dir() and out:
        raise UserError(f"--out: must be a folder, got a file: {folder}")
    refuse_foreign(folder)
    prepare_runners(folder, runners)
    core = _core(path, head, _with_limits(target, opset, max_drop_percent), data)
    # First, for it needs data that may not be there.
    int8 = int8_products(core, data=data, say=say) if "int8" in formats else ()
    products = products_of(core, tuple(kind for kind in formats if kind != "int8")) + int8
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
        candidates = [_write(core, product, Path(scratch), say) for product in products]
        for candidate in candidates:
            say(f"checking {candidate.product.name} against the checkpoint")
            _check(core, candidate)
        opened = [candidate for candidate in candidates if candidate.artifact is not None]
        say("measuring the accuracy of every file on the test images")
        _check_accuracy(core, opened)
        say("running every file in a process without torch")
        _check_without_torch(core, opened)
        files = tuple(_finish(core, candidate, folder) for candidate in candidates)
    write_record(folder, {"checkpoint": path.name, "files": [_named(file) for file in files]})
    say("writing the bundle around the files")
    _bundle(core, path, folder, [file for file in files if file.passed], runners)
    return files


def _bundle(
    core: Core, path: Path, folder: Path, files: Sequence[Exported], runners: Sequence[Runner]
) -> None:
    if not files:
        return
    for runner in runners:
        add_runner(folder, runner)
    models = [BundledModel(file.path, file.purpose, file.metadata, file.opset) for file in files]
    origin = Origin(
        path, core.provenance, core.reference, core.test.paths, core.target.atol, core.target.rtol
    )
    write_bundle(folder, models, origin)


def _with_limits(target: Target, opset: int | None, max_drop_percent: float | None) -> Target:
    changes: dict[str, Any] = {} if opset is None else {"opset": opset}
    if max_drop_percent is not None:
        if not 0 <= max_drop_percent <= 100:
            raise UserError(
                f"--max-drop: must be 0 to 100 points of top-1, got {max_drop_percent:g}"
            )
        changes |= dict.fromkeys(("max_drop_percent", "int8_max_drop_percent"), max_drop_percent)
    return target.model_copy(update=changes)


def _refuse_formats(formats: tuple[str, ...], target: Target) -> None:
    unfit = [kind for kind in formats if kind not in target.formats]
    if unfit:
        raise UserError(
            f"--{unfit[0]}: must be a format the target runs ({', '.join(target.formats)}); "
            "choose another --target"
        )


def _core(path: Path, head: str | None, target: Target, data: str | None) -> Core:
    deployable = deployable_from(checkpoint.load(path), str(path))
    head = head or deployable.head
    network = with_head(deployable, head, str(path))
    classes = () if head == "features" else deployable.classes
    test = held_out(replace(deployable, classes=classes), data)
    metadata = Metadata(
        head=head,
        classes=classes,
        preprocess=deployable.preprocess,
        input_px=Preprocess.from_dict(deployable.preprocess).crop_px,
        provenance=portable({"checkpoint": path.name, **deployable.provenance}),
    )
    return Core(network, metadata, target, test, deployable.provenance)


def _write(core: Core, product: Product, scratch: Path, say: Say) -> _Candidate:
    say(f"writing {product.name}")
    metadata = replace(
        core.metadata, precision=product.precision, takes=product.takes,
        provenance={**core.metadata.provenance, **product.history},
    )
    path = scratch / product.name
    product.write(path, metadata)
    return _Candidate(product, path, metadata)


def _check(core: Core, candidate: _Candidate) -> None:
    product = candidate.product
    structure = check_file(core, product, candidate.path)
    candidate.gates.append(structure)
    if structure.status == "fail":  # it may not even open
        return
    try:
        candidate.artifact = open_artifact(candidate.path)
    except UserError as error:  # its metadata are damaged, or a runtime refuses it
        candidate.gates.append(Gate("labels", "fail", str(error)))
        return
    candidate.gates += check_answers(core, product, candidate.artifact, candidate.metadata)


def _check_accuracy(core: Core, candidates: Sequence[_Candidate]) -> None:
    if core.test.missing or not candidates:
        for candidate in candidates:
            candidate.gates.append(Gate("accuracy", "skip", core.test.missing))
        return
    running = []
    for candidate in candidates:
        if candidate.broken:
            candidate.gates.append(Gate("accuracy", "skip", "an earlier gate failed"))
        else:
            running.append(candidate)
    artifacts = [candidate.artifact for candidate in running if candidate.artifact is not None]
    answers = answers_of(core.test, core.preprocess, core.reference, artifacts)
    for candidate, got in zip(running, answers.files, strict=True):
        limit = core.target.max_drop_percent
        if candidate.product.precision == "int8":
            limit = core.target.int8_max_drop_percent
        candidate.gates.append(
            check_accuracy(answers.labels, answers.checkpoint, got, max_drop_percent=limit)
        )


def _check_without_torch(core: Core, candidates: Sequence[_Candidate]) -> None:
    vectors = {}
    for candidate in candidates:
        if needs_torch(candidate.product):
            reason = f"a .{candidate.product.format} file is for PyTorch"
            candidate.gates.append(Gate("without torch", "skip", reason))
        elif candidate.broken:
            candidate.gates.append(Gate("without torch", "skip", "an earlier gate failed"))
        elif candidate.artifact is not None:
            image = sample_input(core, candidate.product)
            vectors[candidate.path] = (image, candidate.artifact.run(image))
    gates = check_without_torch(vectors, KEY)
    for candidate in candidates:
        if candidate.path in gates:
            candidate.gates.append(gates[candidate.path])


def _finish(core: Core, candidate: _Candidate, folder: Path) -> Exported:
    """Write the file again with the outcome of its gates inside, and give it its name."""
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


def _named(file: Exported) -> dict[str, Any]:
    return {**file.to_dict(), "path": file.path.name}


def document(checkpoint_path: Path, files: tuple[Exported, ...]) -> dict[str, Any]:
    """Return the outcome as plain values, for ``--json``."""
    return {"checkpoint": str(checkpoint_path), "files": [file.to_dict() for file in files]}
