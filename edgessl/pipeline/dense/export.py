"""The story of ``edgessl export`` for a dense network: files, proven by its figure on test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl import checkpoint
from edgessl.artifact import Metadata, open_artifact, torchscript
from edgessl.artifact.metadata import KEY
from edgessl.data.original import Original
from edgessl.dense.answers import Run, answers_of, answers_of_finished, over, run_of
from edgessl.dense.bundle import write_dense_bundle
from edgessl.dense.gates import check_figure
from edgessl.dense.graph import with_output
from edgessl.dense.int8 import CALIBRATION, quantise_dense
from edgessl.dense.originals import pixels_of
from edgessl.dense.task import Answer, Array, Finished, Set, Task, Variant
from edgessl.errors import UserError
from edgessl.export.bundle.names import Runner
from edgessl.export.bundle.runners import add_runner, prepare_runners
from edgessl.export.bundle.write import refuse_foreign, refuse_foreign_models
from edgessl.export.core import portable
from edgessl.export.formats.front import FIRST_OPSET, attach_square_front, open_inside
from edgessl.export.formats.graph import export_graph
from edgessl.export.formats.products import save_onnx
from edgessl.export.gates.gate import BASIC, Gate, failed
from edgessl.export.gates.parity import check_parity, extreme_images
from edgessl.export.gates.preprocessing import check_preprocessing, shaped_images
from edgessl.export.gates.structure import check_bytes, check_structure
from edgessl.export.gates.without_torch import check_without_torch
from edgessl.export.product import ExportedFile, Product, give_name, write_aside
from edgessl.export.target import Target

FORMATS = ("onnx", "torchscript", "int8")
INT8_MAX_DROP_PERCENT = 2.0
"""Points of the task's figure that an int8 file may lose, where nothing else is asked for."""
_TRIED = 16
"""Images that the raw output is compared on."""
Say = Callable[[str], None]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _Ready:
    """A network, ready to be written and proven.

    Attributes:
        task: Detection or segmentation.
        finished: The checkpoint's.
        target: What the files are for.
        metadata: What each file says about itself, but for its head.
        images: Of its run or of ``--data``; None where they are not to be had.
        why_not: Why there are none.
    """

    task: Task
    finished: Finished
    target: Target
    metadata: Metadata
    images: Set | None
    why_not: str = ""

    @property
    def test(self) -> Sequence[Any]:
        """Images of ``test``; none where they are not to be had."""
        return self.images.test if self.images is not None else ()


def export_dense(
    task: Task,
    path: Path,
    *,
    formats: Sequence[str],
    target: Target,
    data: str | None,
    folder: Path,
    runners: Sequence[Runner] = (),
    say: Say,
) -> tuple[ExportedFile, ...]:
    """Write a network's files, check each against its checkpoint, and the bundle around them.

    Args:
        task: Detection or segmentation.
        path: Its checkpoint.
        formats: Of ``FORMATS``.
        target: What the files are for; its ``max_drop_percent`` and ``int8_max_drop_percent`` hold
            for the task's figure.
        data: Images for the gates; None for those of its run.
        folder: Where to write.
        runners: Of ``web`` and ``cpp``: what to add beside run.py.
        say: Called with the name of each step.

    Raises:
        UserError: A format is none of the task's, or what it needs is not there.
    """
    if unfit := [kind for kind in formats if kind not in FORMATS]:
        raise UserError(
            f"--{unfit[0]}: must be a format that {task.word}s are written in "
            f"({', '.join(FORMATS)}), got {', '.join(unfit)}; leave it out"
        )
    prepare_runners(folder, runners)
    ready = _ready(task, path, target, data, say)
    if "int8" in formats and ready.images is None:
        raise UserError(f"--int8: must have images to calibrate on: {ready.why_not}; pass --data")
    products = list(_products(ready, formats, say))
    refuse_foreign(folder)
    refuse_foreign_models(folder, [one.name for one, _ in products])
    folder.mkdir(parents=True, exist_ok=True)
    files = _proven(ready, products, folder, say)
    passed = [file for file in files if file.passed]
    if passed:
        say("writing the bundle around the files")
        for runner in runners:
            add_runner(folder, runner)
        write_dense_bundle(task, folder, passed, ready.finished, path, ready.test)
    return files


def _ready(task: Task, path: Path, target: Target, data: str | None, say: Say) -> _Ready:
    finished = task.learning.open(checkpoint.load(path), str(path))
    metadata = Metadata(
        head=task.files.raw, classes=finished.classes, preprocess=finished.square.to_dict(),
        input_px=finished.square.input_px,
        provenance=portable({"checkpoint": path.name, **finished.provenance}),
    )
    source = data or str(finished.provenance.get("data", ""))
    say("reading the images")
    try:
        images, why_not = task.data.load(source, None), ""
    except UserError as error:
        if data is not None:
            raise
        images, why_not = None, f"the images of its run are not to be had ({error})"
    if images is not None and images.classes != finished.classes:
        raise UserError(
            f"{source}: must have the {task.word}'s classes ({', '.join(finished.classes)}), got "
            f"{', '.join(images.classes)}; pass the data it was trained for"
        )
    return _Ready(task, finished, target, metadata, images, why_not)


def _products(
    ready: _Ready, formats: Sequence[str], say: Say
) -> Iterator[tuple[Product, Variant]]:
    """Give each file to write, with what it is a file of."""
    files, finished, target = ready.task.files, ready.finished, ready.target
    side = finished.square.input_px
    say("writing the graph")
    raw = export_graph(finished.module, side, files.raw, target.opset)
    for one in _variants(ready, raw):
        yield _onnx(one), one
    if "torchscript" in formats:
        module = torchscript.trace_and_freeze(finished.module, torch.zeros(2, 3, side, side))

        def save(path: Path, metadata: Metadata) -> None:
            torchscript.save(module, path, {KEY: metadata.to_json()})

        name, purpose = files.torchscript
        yield Product(name, "torchscript", purpose, save), Variant(name, files.raw, purpose, None)
    if "int8" in formats and ready.images is not None:
        quantised = _quantised(ready, raw, say)
        for one in _variants(ready, quantised.graph):
            yield _onnx(one, {"int8": quantised.history}), one


def _variants(ready: _Ready, raw: Any) -> Iterator[Variant]:
    """Give what is written of a graph; what tells the answer also with the preprocessing inside."""
    files, square = ready.task.files, ready.finished.square
    for one in files.variants(raw, ready.finished):
        yield one
        if one.head == ready.task.drawing.head and ready.target.opset >= FIRST_OPSET:
            graph = with_output(one.graph, files.whole)
            yield replace(
                one, name="model.e2e.onnx", head=files.whole, takes="pixels",
                graph=attach_square_front(graph, square),
                purpose=f"apps: uint8 RGB pixels of any size, preprocessing inside; {one.purpose}",
            )


def _quantised(ready: _Ready, raw: Any, say: Say) -> Any:
    task, finished, images = ready.task, ready.finished, ready.images
    assert images is not None
    judging, square = task.judging, finished.square
    step = max(1, len(images.train) // CALIBRATION)
    val = pixels_of(images.val, square)

    def on_val(run: Run) -> float:
        return judging.judge(_answers(ready, run, task.files.raw, val), images.val,
                             images.classes).value  # fmt: skip

    return quantise_dense(
        raw, task.files.raw, square,
        calibration=pixels_of(images.train[::step][:CALIBRATION], square),
        figure=judging.figure, on_val=on_val, activations=ready.target.int8_activations, say=say,
    )


def _onnx(variant: Variant, history: dict[str, Any] | None = None) -> Product:
    name, purpose = variant.name, variant.purpose
    if history:
        name = f"{name.removesuffix('.onnx')}.int8.onnx"
        purpose = f"small and fast; {purpose}"
    return Product(
        name, "onnx", purpose, lambda path, metadata: save_onnx(variant.graph, path, metadata),
        precision="int8" if history else "fp32", takes=variant.takes, history=history or {},
    )


def _proven(
    ready: _Ready, products: Sequence[tuple[Product, Variant]], folder: Path, say: Say
) -> tuple[ExportedFile, ...]:
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
    ready: _Ready, file: ExportedFile, rows: str, pixels: Pixels, expected: list[Answer]
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
    yield from _gates_of_answers(ready, file, expected, list(_answers(ready, run, head, pixels)))
    if file.format == "onnx" and head == task.files.raw:
        image = square.normalise(pixels[:1])
        yield check_without_torch({file.path: (image, run(image))}, KEY)[file.path]


def _gates_of_pixels(
    ready: _Ready, file: ExportedFile, rows: str, _pixels: Pixels, expected: list[Answer]
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
    run, read = open_artifact(file.path).run, _reader(ready.finished, head, 1)
    told = [read(run(np.asarray(one.read())[None]))[0] for one in originals]
    yield from _gates_of_answers(ready, file, expected, told)


def _gates_of_answers(
    ready: _Ready, file: ExportedFile, expected: list[Answer], told: list[Answer]
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


def _answers(ready: _Ready, run: Run, head: str, pixels: Pixels) -> Iterator[Answer]:
    """Give what a file says of images, batch by batch."""
    square, batch = ready.finished.square, ready.task.judging.batch
    for first in range(0, len(pixels), batch):
        part = pixels[first : first + batch]
        read = _reader(ready.finished, head, len(part))
        yield from answers_of(run, square, read)(part)


def _reader(finished: Finished, head: str, images: int) -> Callable[[Array], list[Answer]]:
    return lambda output: finished.read(head, output, images)


def _flat(run: Run) -> Run:
    """Lay what an image gives out in one row, as the parity gate compares."""
    return lambda images: (output := run(images)).reshape(len(output), -1)
