"""The files of a dense network, each checked against its checkpoint before it gets its name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from edgessl.artifact import open_artifact
from edgessl.artifact.metadata import KEY
from edgessl.data.original import Original
from edgessl.dense.answers import Run, answers_of_finished, over, run_of
from edgessl.dense.gates import check_figure
from edgessl.dense.originals import pixels_of
from edgessl.dense.task import Answer, Variant
from edgessl.export.formats.front import open_inside
from edgessl.export.gates.gate import BASIC, Gate, failed
from edgessl.export.gates.parity import check_parity, extreme_images
from edgessl.export.gates.preprocessing import check_preprocessing, shaped_images
from edgessl.export.gates.structure import check_bytes, check_structure
from edgessl.export.gates.without_torch import check_without_torch
from edgessl.export.product import ExportedFile, Product, give_name, write_aside
from edgessl.pipeline.dense.ready import Pixels, Ready, Say, answers_of_file, reader_of

_TRIED = 16
"""Images that the raw output is compared on."""


def prove_dense(
    ready: Ready, products: Sequence[tuple[Product, Variant]], folder: Path, say: Say
) -> tuple[ExportedFile, ...]:
    """Write every file aside, run its gates, and move it to its name, ``*.failed.*`` if need be.

    Args:
        ready: The network.
        products: The files to write, each with what it is a file of.
        folder: Where to.
        say: Called with the name of each step.
    """
    task = ready.task
    pixels = pixels_of(ready.test, ready.finished.square)
    say("the checkpoint on test images")
    answers = answers_of_finished(task, ready.finished, torch.device("cpu"))
    expected = list(over(answers, pixels, task.judging.batch))
    files = []
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
        for product, variant in products:
            say(f"checking {product.name}")
            metadata = replace(ready.metadata, head=variant.head)
            file = write_aside(product, metadata, ready.target.opset, Path(scratch))
            check = _gates_of_pixels if variant.takes == "pixels" else _gates
            gates = tuple(check(ready, file, variant.rows, pixels, expected))
            files.append(give_name(product, replace(file, gates=gates), folder))
    return tuple(files)


def _gates(
    ready: Ready, file: ExportedFile, rows: str, pixels: Pixels, expected: list[Answer]
) -> Iterator[Gate]:
    """Check a file; after a basic failure the rest would only follow from it."""
    task, target, square = ready.task, ready.target, ready.finished.square
    head, int8 = file.metadata.head, file.precision == "int8"
    found: list[Gate] = []
    if file.format == "onnx":
        found.append(check_structure(file.path, opset=target.opset, output=head, rows=rows))
    else:
        found.append(check_bytes(file.path))
    yield found[-1]
    run = open_artifact(file.path, trust=True).run
    if head == task.files.raw:
        reference = run_of(ready.finished.module, torch.device("cpu"))
        batches = {"parity on extremes": extreme_images(square.input_px)}
        if len(pixels):
            batches["parity on images"] = square.normalise(pixels[:_TRIED])
        for name, batch in batches.items():
            found.append(check_parity(
                name, _flat(reference), _flat(run), batch, atol=None if int8 else target.atol,
                rtol=target.rtol, classifies=False,
            ))  # fmt: skip
            yield found[-1]
    if failed([gate for gate in found if gate.name in BASIC]):
        return
    if not ready.test:
        yield Gate(task.files.gate, "skip", ready.why_not)
        return
    told = list(answers_of_file(ready, run, head, pixels))
    yield from _gates_of_answers(ready, file, expected, told)
    if file.format == "onnx" and head == task.files.raw:
        image = square.normalise(pixels[:1])
        yield check_without_torch({file.path: (image, run(image))}, KEY)[file.path]


def _gates_of_pixels(
    ready: Ready, file: ExportedFile, rows: str, _pixels: Pixels, expected: list[Answer]
) -> Iterator[Gate]:
    """Check a file with the preprocessing inside, on the originals themselves."""
    square, head = ready.finished.square, file.metadata.head
    structure = check_structure(
        file.path, opset=ready.target.opset, output=head, rows=rows, takes="pixels"
    )
    yield structure
    originals = [Original(one.path, one.digest) for one in ready.test]
    shaped = shaped_images(originals, square.input_px)
    inside = check_preprocessing(open_inside(file.path), square, shaped)
    yield inside
    if failed([structure, inside]):
        return
    if not ready.test:
        yield Gate(ready.task.files.gate, "skip", ready.why_not)
        return
    run, read = open_artifact(file.path).run, reader_of(ready.finished, head, 1)
    told = [read(run(np.asarray(one.read())[None]))[0] for one in originals]
    yield from _gates_of_answers(ready, file, expected, told)


def _gates_of_answers(
    ready: Ready, file: ExportedFile, expected: list[Answer], told: list[Answer]
) -> Iterator[Gate]:
    task, target, int8 = ready.task, ready.target, file.precision == "int8"
    yield from task.files.more_gates(expected, told, int8)
    before, after = (
        task.judging.judge(one, ready.test, ready.finished.classes) for one in (expected, told)
    )
    yield check_figure(
        task.files.gate, task.judging, before, after, images=len(ready.test),
        max_drop_percent=target.int8_max_drop_percent if int8 else target.max_drop_percent,
    )


def _flat(run: Run) -> Run:
    """Lay what an image gives out in one row, as the parity gate compares."""
    return lambda images: (output := run(images)).reshape(len(output), -1)
