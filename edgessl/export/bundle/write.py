"""The folder that goes to the device: models, labels, a runner, and what proves them there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl import catalog
from edgessl.artifact import Metadata, open_artifact, read_metadata
from edgessl.artifact.opened import ON_DEVICES
from edgessl.data.original import Original
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError
from edgessl.export.bundle.manifest import (
    NAME,
    describe_file,
    earlier_packages,
    is_ours,
    is_whole,
    is_whole_package,
    known_models,
    lists_gone_models,
    sha256_of,
    write_manifest,
)
from edgessl.export.bundle.model_card import Run, model_card
from edgessl.export.bundle.names import AROUND, DEVICES_RUNNER, WHAT
from edgessl.export.bundle.runners import describe_runners
from edgessl.export.bundle.vectors import Vectors, make_vectors, write_vectors
from edgessl.export.gates.gate import Gate
from edgessl.export.product import ExportedFile, size_mb
from edgessl.export.unchecked import NAMES as PACKAGES
from edgessl.export.unchecked import WHY, Unchecked, parts_of
from edgessl.files import atomic_path
from edgessl.json_file import read_table
from edgessl.runtimes.environment import read_environment
from edgessl.runtimes.formats import DEVICE_FORMATS, companions_of

RUNTIME = ("onnx", "ort", *ON_DEVICES)
"""Formats that run.py runs; the others need torch."""
REQUIREMENTS = {"numpy": "1.26", "pillow": "10.3"}
"""What run.py imports, each from the oldest version its self-test was run with."""
ONNXRUNTIME = "1.19"
"""The oldest that the self-test was run with; it knows opsets up to 21."""
ONNXRUNTIME_OPSET = 21
FLOAT_RTOL = 1e-3
"""For float files on another CPU, which sums in another order: 1e-6 with other kernels here. A
mean that is one level of 255 off moves logits by 5e-3, BGR by 0.3 (bench/LOG.md, self-test)."""
WITH_PIXELS_RTOL = 0.01
"""For files with preprocessing inside, where a few pixels may round differently: one level in one
of 1000 pixels moves logits by 2e-3."""
INT8_RTOL = 0.1
"""Other kernels moved int8 logits by 3 % of their range, BGR and wrong normalisation by 40 %."""

Reference = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the models come from.

    Attributes:
        checkpoint: The file that was exported.
        provenance: The checkpoint's own, absolute paths included; they stay here.
        reference: The checkpoint's network: ``(B, 3, S, S)`` normalised to ``(B, K)``.
        images: Test images; none where there is no data.
        atol: Absolute tolerance of float files.
        rtol: The same, as a share of the largest reference value.
    """

    checkpoint: Path
    provenance: Mapping[str, Any]
    reference: Reference
    images: Sequence[Original]
    atol: float
    rtol: float


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder in which the bundle would overwrite files of someone else.

    Args:
        folder: Where the bundle is to lie; it need not exist.

    Raises:
        UserError: A file of the bundle is there, and none of edgessl's lists it as it is now.
    """
    names = (*WHAT, DEVICES_RUNNER)
    foreign = [name for name in names if (folder / name).exists() and not is_whole(folder, name)]
    if (folder / NAME).exists() and not is_ours(folder):
        foreign.append(NAME)
    _refuse(folder, foreign)


def refuse_foreign_models(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder in which models would replace those of someone else.

    Args:
        folder: Where they are to lie; it need not exist.
        names: Those that are to be written.

    Raises:
        UserError: One of them is there, no bundle lists it as it is now, and edgessl did not
            write it.
    """
    foreign = []
    for path in (folder / name for name in names):
        parts = (path, *companions_of(path))
        there = [p.name for p in parts if p.exists() and not is_whole(folder, p.name)]
        foreign += there if there and not _ours(path) else []
    _refuse(folder, foreign)


def refuse_foreign_packages(folder: Path) -> None:
    """Refuse a folder in which Core ML's packages would replace those of someone else.

    Args:
        folder: Where they are to lie; it need not exist.

    Raises:
        UserError: One of them is there, and no bundle lists it as it is now.
    """
    foreign = [
        name for name in PACKAGES.values()
        if (folder / name).exists() and not is_whole_package(folder, name)
    ]
    _refuse(folder, foreign)


def _ours(path: Path) -> bool:
    try:
        return read_metadata(path)[1] is not None
    except UserError:  # no model at all
        return False


def _refuse(folder: Path, foreign: Sequence[str]) -> None:
    if foreign:
        raise UserError(
            f"{folder}: must have room for the bundle, found other files named "
            f"{', '.join(foreign)}; write it elsewhere with --out, or move them away"
        )


def write_bundle(
    folder: Path, models: Sequence[ExportedFile], origin: Origin,
    packages: Sequence[Unchecked] = (),
) -> tuple[Path, ...]:
    """Write everything that lies around the models.

    Models of an earlier export of the same checkpoint that still lie there stay in the bundle.

    Args:
        folder: Where the models lie.
        models: Files that passed their gates, at least one.
        origin: Where they come from.
        packages: Models that nothing here could run; earlier ones of the same checkpoint that
            still lie there stay as well.

    Returns:
        The files written, ``manifest.json`` last.
    """
    checkpoint = {"name": origin.checkpoint.name, "sha256": sha256_of(origin.checkpoint)}
    packages = packages or earlier_packages(folder, checkpoint["sha256"])
    earlier = earlier_models(folder, origin.checkpoint, models[0].metadata)
    now = {model.path.name for model in models}
    models = [*models, *(model for model in earlier if model.path.name not in now)]
    models.sort(key=lambda model: model.path.name)
    metadata = models[0].metadata
    preprocess = Preprocess.from_dict(metadata.preprocess)
    vectors = make_vectors(origin.images, preprocess)
    _write_vectors(folder / "testvectors.npz", vectors, models, origin, preprocess)
    texts = {
        "labels.txt": "".join(f"{name}\n" for name in metadata.classes),
        "preprocess.json": _preprocess_json(metadata),
        "requirements.txt": _requirements(models),
        "MODEL_CARD.md": model_card(
            metadata, origin.provenance, read_run(origin.checkpoint.parent), models,
            checkpoint=f"{checkpoint['name']}, sha256 {checkpoint['sha256'][:16]}",
            vectors=f"{len(vectors.images)} images: {vectors.source}", packages=packages,
        ),
    }  # fmt: skip
    for name, text in texts.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    for name in ("run.py", *((DEVICES_RUNNER,) if _for_devices(models) else ())):
        with atomic_path(folder / name) as temporary:
            shutil.copyfile(catalog.root() / "export/runners/python" / name, temporary)
    files = {name: describe_file(folder / name, what) for name, what in WHAT.items()}
    files |= {model.path.name: _describe(model) for model in models}
    files |= {
        part.name: describe_file(part, f"belongs to {model.path.name}")
        for model in models for part in companions_of(model.path)
    }  # fmt: skip
    if _for_devices(models):
        files[DEVICES_RUNNER] = describe_file(
            folder / DEVICES_RUNNER, "opens models for other runtimes than onnxruntime, for run.py"
        )
    files |= describe_runners(folder)
    files |= {
        part.relative_to(folder).as_posix(): describe_file(part, f"belongs to {one.name}; {WHY}")
        for one in packages for part in parts_of(folder, one.name)
    }
    manifest = write_manifest(
        folder, checkpoint=checkpoint, files=files,
        unchecked=[one.to_dict() for one in packages],
    )  # fmt: skip
    return (*(folder / name for name in WHAT), manifest)


def read_run(folder: Path) -> Run:
    """Read what a run folder tells of its run; nothing where it is none.

    Args:
        folder: The checkpoint's.
    """
    return Run(report=read_table(folder / "report.json"), record=read_table(folder / "run.json"))


def remove_stale_bundle(folder: Path) -> None:
    """Remove the files around models that are gone; models that are still there stay.

    Only what an export writes is removed, and only while it is as an export wrote it.

    Args:
        folder: Where a bundle may lie. Nothing is removed of one that is whole.
    """
    if not lists_gone_models(folder):
        return
    for name in (*(name for name in sorted(AROUND) if is_whole(folder, name)), NAME):
        (folder / name).unlink(missing_ok=True)


def earlier_models(folder: Path, checkpoint: Path, wanted: Metadata) -> list[ExportedFile]:
    """Return the models that an earlier export of the same checkpoint left in a folder.

    Args:
        folder: Where its bundle may lie.
        checkpoint: The file that is exported now.
        wanted: The head and the classes that they must have.
    """
    found = []
    for name, entry in known_models(folder, sha256_of(checkpoint)).items():
        path = folder / name
        try:
            kind, metadata = read_metadata(path)
            gates = tuple(Gate.from_dict(gate) for gate in metadata.gates) if metadata else ()
        except (UserError, KeyError, TypeError, ValueError):  # listed by a manifest not of ours
            continue
        same = metadata and all(
            getattr(metadata, key) == getattr(wanted, key)
            for key in ("head", "classes", "thresholds")
        )
        if metadata and same:
            found.append(
                ExportedFile(  # a manifest records no batch, and nothing around the models asks
                    path, kind, str(entry.get("what", "")), metadata, size_mb(path),
                    opset=_opset(entry), gates=gates,
                )
            )
    return found


def _opset(entry: Mapping[str, Any]) -> int | None:
    opset = entry.get("opset")
    return opset if isinstance(opset, int) else None


def _write_vectors(
    path: Path,
    vectors: Vectors,
    models: Sequence[ExportedFile],
    origin: Origin,
    preprocess: Preprocess,
) -> None:
    expected = origin.reference(preprocess.normalise(vectors.pixels))
    outputs: dict[str, NDArray[np.float32]] = {}
    rules: dict[str, dict[str, Any]] = {}
    for model in models:
        if model.format not in RUNTIME:
            continue
        name = model.path.name
        exact = model.precision == "fp32" and model.takes == "normalised"
        # An fp16 file answers as it did here: its rounded weights are the same everywhere.
        rtol = INT8_RTOL if model.precision == "int8" else WITH_PIXELS_RTOL
        # A float file must answer as the checkpoint does, any other one as it did here.
        outputs[name] = expected if exact else _answers(model.path, vectors, preprocess)
        rules[name] = {
            "atol": origin.atol, "rtol": max(origin.rtol, FLOAT_RTOL) if exact else rtol,
            "expected": "checkpoint" if exact else "itself",
        }
    write_vectors(
        path, vectors, checkpoint_outputs=expected, outputs=outputs, rules=rules,
        about={"head": models[0].metadata.head, "preprocess": preprocess.to_dict()},
    )  # fmt: skip


def _answers(path: Path, vectors: Vectors, preprocess: Preprocess) -> NDArray[np.float32]:
    artifact = open_artifact(path)
    if artifact.takes == "pixels":
        return np.concatenate([artifact.run(image[None]) for image in vectors.images])
    return artifact.run(preprocess.normalise(vectors.pixels))


def _preprocess_json(metadata: Metadata) -> str:
    document = {
        **metadata.preprocess,
        "colours": "RGB, EXIF orientation applied, transparency on white",
        "resize": "shorter side to resize_px, antialiased (Pillow); the longer side truncated",
        "crop": "central crop_px square; offsets rounded half to even",
        "scale": "x / 255, minus mean, over std",
        "layout": "(batch, 3, crop_px, crop_px) float32",
        **_about_values(metadata.preprocess),
    }
    return json.dumps(document, indent=2) + "\n"


def _about_values(preprocess: Mapping[str, Any]) -> dict[str, str]:
    if "value_range" not in preprocess:
        return {}
    return {
        "values": "files of more than 8 bits a channel: (x - low) * 255 / (high - low) of "
        "value_range, rounded half to even and clipped to 0 ... 255, before all else"
    }


def _for_devices(models: Sequence[ExportedFile]) -> bool:
    return any(model.format in ON_DEVICES for model in models)


def _requirements(models: Sequence[ExportedFile]) -> str:
    """List what run.py needs for these models: of each runtime the version that proved them."""
    needed = {name: f">={oldest}" for name, oldest in REQUIREMENTS.items()}
    if any(model.format not in ON_DEVICES for model in models):
        known = all((model.opset or 0) <= ONNXRUNTIME_OPSET for model in models)
        # For a newer opset, the one that the gates ran with.
        runtime = ONNXRUNTIME if known else ".".join(version("onnxruntime").split(".")[:2])
        needed["onnxruntime"] = f">={runtime}"
    for model in models:
        if model.format in ON_DEVICES:
            proven = model.metadata.provenance.get("proven_with") or {}
            needed |= {package: f"=={found}" for package, found in proven.items()}
            needed |= _beside_runtime(model.path)
    return "".join(f"{name}{wanted}\n" for name, wanted in needed.items())


def _beside_runtime(path: Path) -> dict[str, str]:
    """Return what the runtime's package needs and does not name itself: torch for ExecuTorch."""
    borrows = read_environment(DEVICE_FORMATS[path.suffix].environment).borrows
    return {"torch": borrows["torch"]} if "torch" in borrows else {}


def _describe(model: ExportedFile) -> dict[str, Any]:
    more: dict[str, Any] = {
        "format": model.format, "opset": model.opset, "head": model.metadata.head,
        "precision": model.precision, "takes": model.takes,
        "gates": {gate.name: gate.status for gate in model.gates},
        "proven_with": model.metadata.provenance.get("proven_with") or {},
        "temperature": model.metadata.temperature,
    }  # fmt: skip
    if model.metadata.thresholds:
        more["thresholds"] = list(model.metadata.thresholds)
    if model.metadata.reject_below is not None:
        more["reject_below"] = model.metadata.reject_below
    if model.metadata.prototypes is not None:
        more["prototypes"] = model.metadata.prototypes
    if "int8" in model.metadata.provenance:
        more["int8"] = model.metadata.provenance["int8"]
    return describe_file(model.path, model.purpose, **more)
