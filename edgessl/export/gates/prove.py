"""Every file of an export through all of its gates: one by one, then all together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgessl.artifact import Artifact, Metadata, open_artifact
from edgessl.artifact.metadata import KEY
from edgessl.artifact.opened import NEEDS_TORCH, ON_DEVICES
from edgessl.data.preprocess import Preprocess
from edgessl.errors import EdgesslError
from edgessl.export.formats.front import open_inside
from edgessl.export.gates import own_runtime
from edgessl.export.gates.accuracy import HeldOut, answers_of, check_accuracy, in_top5
from edgessl.export.gates.accuracy_several import check_map
from edgessl.export.gates.certainty import confidences, with_certainty
from edgessl.export.gates.gate import BASIC, Gate, failed
from edgessl.export.gates.openvino import check_in_openvino
from edgessl.export.gates.parity import BATCHES, Run, check_parity, extreme_images, extreme_pixels
from edgessl.export.gates.preprocessing import check_preprocessing, shaped_images
from edgessl.export.gates.structure import check_bytes, check_labels, check_structure
from edgessl.export.gates.without_torch import check_without_torch
from edgessl.export.product import ExportedFile, Product
from edgessl.export.target import Target

Array = NDArray[Any]

_BROKEN = "an earlier gate failed"


def prove(
    files: Sequence[tuple[Product, ExportedFile]],
    *,
    reference: Run,
    test: HeldOut,
    target: Target,
    say: Callable[[str], None],
) -> tuple[ExportedFile, ...]:
    """Run files through their gates; where the first ones fail, the later ones are left out.

    Args:
        files: What each is to be, and where it lies.
        reference: The checkpoint's network.
        test: The images the checkpoint's scores were measured on.
        target: What the files must keep to.
        say: Called with the name of each step.

    Returns:
        The files in the same order, with the outcome of every gate.
    """
    gates: dict[Path, list[Gate]] = {}
    opened: dict[Path, Artifact] = {}
    for product, file in files:
        say(f"checking {product.name} against the checkpoint")
        gates[file.path], artifact = _check_file(file)
        if artifact is not None:
            opened[file.path] = artifact
            gates[file.path] += _check_answers(file, artifact, reference, test, target)
            gates[file.path] += product.more_gates(file.path)
    whole = [file for _, file in files if file.path in opened]
    say("measuring the accuracy of every file on the test images")
    broken = {path for path, found in gates.items() if not BASIC.isdisjoint(failed(found))}
    for path, gate in _accuracies(whole, opened, broken, reference, test, target).items():
        gates[path].append(gate)
    say("running every file in a process without torch")
    for path, gate in _without_torch(whole, opened, broken).items():
        gates[path].append(gate)
    return tuple(replace(file, gates=tuple(gates[file.path])) for _, file in files)


def _check_file(file: ExportedFile) -> tuple[list[Gate], Artifact | None]:
    """Check the structure of a file and open it; if either fails, there is nothing to run."""
    if file.opset is None:
        structure = check_bytes(file.path)
    else:
        structure = check_structure(
            file.path, opset=file.opset, output=file.metadata.head, takes=file.takes,
            batch=file.batch,
        )
    if structure.status == "fail":
        return [structure], None
    try:
        return [structure], open_artifact(file.path, trust=True)  # written just now
    except EdgesslError as error:  # its metadata are damaged, or a runtime refuses it or dies
        name = own_runtime.NAME if file.format in ON_DEVICES else "labels"
        return [structure, Gate(name, "fail", str(error))], None


def _check_answers(
    file: ExportedFile, artifact: Artifact, reference: Run, test: HeldOut, target: Target
) -> Iterator[Gate]:
    """Compare an opened file with the checkpoint: labels, preprocessing, numbers."""
    metadata = file.metadata
    last = check_labels(artifact, metadata, _width(artifact, metadata.input_px))
    yield last
    if artifact.process is not None:
        yield own_runtime.check_own_runtime(artifact.process.report(), file.precision)
    shaped: Mapping[str, Image.Image] = {}
    if file.takes == "pixels":
        shaped = shaped_images(test.originals, metadata.input_px)
        last = check_preprocessing(open_inside(file.path), _preprocess(metadata), shaped)
        yield last
    if last.status != "pass":  # there is nothing to compare the answers on
        return
    expected, images = _compared(file, reference, test)
    for name, batch in images.items():
        if batch is None:
            yield Gate(name, "skip", test.missing)
            continue
        yield check_parity(
            name, expected, artifact.run, batch,
            atol=None if file.precision == "int8" else target.atol,
            rtol=target.fp16_rtol if file.precision == "fp16" else target.rtol,
            classifies=bool(metadata.classes), levels=metadata.levels,
        )
    if file.takes == "pixels" and file.precision == "fp32":
        gate = check_in_openvino(
            file.path, _preprocess(metadata), reference, shaped=shaped,
            batches={name: batch for name, batch in images.items() if batch is not None},
            atol=target.atol, rtol=target.rtol, classifies=bool(metadata.classes),
            levels=metadata.levels,
        )
        if gate is not None:
            yield gate


def _width(artifact: Artifact, input_px: int) -> int | None:
    """Return the number of outputs of one image, or None where not even that runs."""
    images = (extreme_pixels if artifact.takes == "pixels" else extreme_images)(input_px)
    try:
        return int(artifact.run(images[:1]).shape[1])
    except Exception:  # the runtime's own exceptions; the parity gate tells which
        return None


def _compared(
    file: ExportedFile, reference: Run, test: HeldOut
) -> tuple[Run, dict[str, Array | None]]:
    """Return what the file is compared with, and the images to do it on, by gate."""
    preprocess, side = _preprocess(file.metadata), file.metadata.input_px
    pixels = test.some_pixels(preprocess, sum(BATCHES))
    if file.takes == "normalised":
        real = None if pixels is None else preprocess.normalise(pixels)
        return reference, {"parity on extremes": extreme_images(side), "parity on images": real}
    inside = open_inside(file.path)

    def network(batch: Array) -> NDArray[np.float32]:
        # Its preprocessing has a gate of its own: here the network alone is compared.
        return reference(inside(batch)) if inside else reference(batch)

    channels_last = None if pixels is None else np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    return network, {
        "parity on extremes": extreme_pixels(side), "parity on images": channels_last,
    }


def _preprocess(metadata: Metadata) -> Preprocess:
    return Preprocess.from_dict(metadata.preprocess)


def _accuracies(
    files: Sequence[ExportedFile], opened: Mapping[Path, Artifact], broken: set[Path],
    reference: Run, test: HeldOut, target: Target,
) -> dict[Path, Gate]:
    """Run what is whole over the test images, all files on each image while it is decoded."""
    if test.missing:
        return {file.path: Gate("accuracy", "skip", test.missing) for file in files}
    gates = {path: Gate("accuracy", "skip", _BROKEN) for path in broken & opened.keys()}
    running = [file for file in files if file.path not in broken]
    if not running:
        return gates
    artifacts = [opened[file.path] for file in running]
    answers = answers_of(test, _preprocess(running[0].metadata), reference, artifacts)
    labels = np.asarray(test.labels, dtype=np.int64)
    for file, got in zip(running, answers.files, strict=True):
        int8 = file.precision == "int8"
        limit = target.int8_max_drop_percent if int8 else target.max_drop_percent
        if test.several is not None:
            gates[file.path] = check_map(
                test.several, answers.checkpoint, got, file.metadata.levels,
                max_drop_percent=limit, changed=test.changed,
            )  # fmt: skip
            continue
        top = got.argmax(axis=1)
        gate = check_accuracy(
            labels, answers.checkpoint.argmax(axis=1), top, max_drop_percent=limit,
            changed=test.changed, top5=in_top5(labels, got),
        )
        sure = confidences(got, probabilities=file.metadata.head == "probs")
        gates[file.path] = with_certainty(gate, top == labels, sure, file.metadata)
    return gates


def _without_torch(
    files: Sequence[ExportedFile], opened: Mapping[Path, Artifact], broken: set[Path]
) -> dict[Path, Gate]:
    gates: dict[Path, Gate] = {}
    vectors: dict[Path, tuple[Array, NDArray[np.float32]]] = {}
    for file in files:
        if file.format in NEEDS_TORCH:
            reason = f"a .{file.format} file is for PyTorch"
            gates[file.path] = Gate("without torch", "skip", reason)
        elif file.format in ON_DEVICES:
            continue  # its gate is "own runtime"
        elif file.path in broken:
            gates[file.path] = Gate("without torch", "skip", _BROKEN)
        else:
            side = file.metadata.input_px
            images = (extreme_pixels if file.takes == "pixels" else extreme_images)(side)[-1:]
            vectors[file.path] = (images, opened[file.path].run(images))
    return {**gates, **check_without_torch(vectors, KEY)}
