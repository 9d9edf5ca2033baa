"""From a checkpoint to files for a device, each proven by its gates before it gets its name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl import checkpoint
from edgessl.artifact import Metadata, open_artifact, torchscript
from edgessl.artifact.metadata import KEY
from edgessl.backbones import deployable_from
from edgessl.data.preprocess import Preprocess
from edgessl.errors import GateFailed, UserError
from edgessl.export.accuracy import check_accuracy
from edgessl.export.gate import Gate, failed
from edgessl.export.graph import export_graph
from edgessl.export.held_out import HeldOut, held_out
from edgessl.export.labels import check_labels
from edgessl.export.network import with_head
from edgessl.export.parity import BATCHES, Run, check_parity, random_images
from edgessl.export.provenance import portable
from edgessl.export.structure import check_structure
from edgessl.export.target import Target, read_target
from edgessl.files import atomic_path


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that was written.

    Attributes:
        path: Where it is; ``model.failed.*`` if a gate failed.
        format: ``"onnx"`` or ``"torchscript"``.
        opset: ONNX operator set; None for TorchScript.
        size_mb: Its size.
        metadata: What it says about itself, gates included.
        gates: The outcome of every check.
    """

    path: Path
    format: str
    opset: int | None
    size_mb: float
    metadata: Metadata
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether no gate failed."""
        return not failed(self.gates)


@dataclass(frozen=True, slots=True)
class _Job:
    """What every format of one export shares."""

    network: torch.nn.Module
    reference: Run
    metadata: Metadata
    target: Target
    test: HeldOut


def export_checkpoint(
    path: Path,
    *,
    formats: tuple[str, ...] = (),
    opset: int | None = None,
    head: str | None = None,
    target_name: str | None = None,
    data: str | None = None,
    out: Path | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> tuple[Exported, ...]:
    """Export a checkpoint's network and check every file against it.

    Args:
        path: The ``ckpt.pt`` of a run folder.
        formats: ``"onnx"``, ``"torchscript"``; none for the named target's own, or else ONNX.
        opset: ONNX operator set, 13 to 24; None for the target's.
        head: ``"logits"``, ``"probs"`` or ``"features"``; None for the checkpoint's own.
        target_name: A name in ``export/targets/`` or a TOML file; None for ``cpu``.
        data: Data set for the accuracy gate; None for the one the checkpoint was trained on.
        out: Folder to write to; None for the checkpoint's.
        say: Called with the name of each step.

    Returns:
        The files, failed ones included.

    Raises:
        UserError: Something asked for does not exist or does not fit.
    """
    target = read_target(target_name or "cpu")
    formats = formats or (target.formats if target_name else ("onnx",))
    _refuse_formats(formats, target)
    folder = out or path.parent
    if folder.exists() and not folder.is_dir() and out:
        raise UserError(f"--out: must be a folder, got a file: {folder}")
    target = target.model_copy(update={"opset": target.opset if opset is None else opset})
    job = _job(path, head, target, data)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in formats:
        say(f"writing model.{kind} and checking it against the checkpoint")
        written.append(_export(job, kind, folder))
    return tuple(written)


def _refuse_formats(formats: tuple[str, ...], target: Target) -> None:
    unfit = [kind for kind in formats if kind not in target.formats]
    if unfit:
        raise UserError(
            f"--{unfit[0]}: must be a format the target runs ({', '.join(target.formats)}); "
            "choose another --target"
        )


def _job(path: Path, head: str | None, target: Target, data: str | None) -> _Job:
    deployable = deployable_from(checkpoint.load(path), str(path))
    head = head or deployable.head
    network = with_head(deployable, head, str(path))
    classes = () if head == "features" else deployable.classes
    test = held_out(replace(deployable, classes=classes), data)

    def reference(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = network(torch.from_numpy(images)).numpy()
        return output

    metadata = Metadata(
        head=head,
        classes=classes,
        preprocess=deployable.preprocess,
        input_px=Preprocess.from_dict(deployable.preprocess).crop_px,
        provenance=portable({"checkpoint": path.name, **deployable.provenance}),
    )
    return _Job(network, reference, metadata, target, test)


def _export(job: _Job, kind: str, folder: Path) -> Exported:
    save = _onnx_writer(job) if kind == "onnx" else _torchscript_writer(job)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
        candidate = Path(scratch) / f"candidate.{kind}"
        save(candidate, job.metadata)
        gates = _gates(job, kind, candidate)
        metadata = replace(job.metadata, gates=tuple(gate.to_dict() for gate in gates))
        final = Path(scratch) / f"final.{kind}"
        save(final, metadata)
        if open_artifact(final).known().to_json() != metadata.to_json():
            raise GateFailed(f"model.{kind}: the record of its gates did not read back as written")
        bad = failed(gates)
        path = folder / (f"model.failed.{kind}" if bad else f"model.{kind}")
        with atomic_path(path) as temporary:
            final.replace(temporary)
    if not bad:  # an older verdict on this file would mislead
        (folder / f"model.failed.{kind}").unlink(missing_ok=True)
    opset = job.target.opset if kind == "onnx" else None
    return Exported(path, kind, opset, path.stat().st_size / 1e6, metadata, gates)


def _onnx_writer(job: _Job) -> Callable[[Path, Metadata], None]:
    import onnx

    shape = job.metadata.input_px
    model = export_graph(job.network, shape, job.metadata.head, job.target.opset)

    def save(path: Path, metadata: Metadata) -> None:
        onnx.helper.set_model_props(model, {KEY: metadata.to_json()})
        onnx.save(model, str(path))

    return save


def _torchscript_writer(job: _Job) -> Callable[[Path, Metadata], None]:
    shape = job.metadata.input_px
    module = torchscript.trace_and_freeze(job.network, torch.zeros(2, 3, shape, shape))

    def save(path: Path, metadata: Metadata) -> None:
        torchscript.save(module, path, {KEY: metadata.to_json()})

    return save


def _gates(job: _Job, kind: str, path: Path) -> tuple[Gate, ...]:
    """Run every check; one that lacks its material says so."""
    metadata, target = job.metadata, job.target
    gates: list[Gate] = []
    if kind == "onnx":
        structure = check_structure(path, opset=target.opset, output=metadata.head)
        if structure.status == "fail":  # it may not even open
            return (structure,)
        gates.append(structure)
    artifact = open_artifact(path)
    noise = random_images(metadata.input_px)
    gates.append(check_labels(artifact, metadata, artifact.run(noise[:1]).shape[1]))
    preprocess = Preprocess.from_dict(metadata.preprocess)
    real = job.test.some_images(preprocess, sum(BATCHES))
    for name, images in (("parity on noise", noise), ("parity on images", real)):
        if images is None:
            gates.append(Gate(name, "not checked", job.test.missing))
            continue
        gates.append(
            check_parity(
                name, job.reference, artifact.run, images,
                atol=target.atol, rtol=target.rtol, classifies=bool(metadata.classes),
            )
        )
    gates.append(_accuracy(job, artifact.run, preprocess))
    return tuple(gates)


def _accuracy(job: _Job, run: Run, preprocess: Preprocess) -> Gate:
    if job.test.missing:
        return Gate("accuracy", "not checked", job.test.missing)
    return check_accuracy(
        job.reference, run, job.test.batches(preprocess),
        max_drop_percent=job.target.max_drop_percent,
    )


def document(checkpoint_path: Path, files: tuple[Exported, ...]) -> dict[str, Any]:
    """Return the outcome as plain values, for ``--json``."""
    return {
        "checkpoint": str(checkpoint_path),
        "files": [
            {
                "path": str(file.path),
                "format": file.format,
                "opset": file.opset,
                "size_mb": file.size_mb,
                "head": file.metadata.head,
                "classes": list(file.metadata.classes),
                "passed": file.passed,
                "gates": [gate.to_dict() for gate in file.gates],
            }
            for file in files
        ],
    }
