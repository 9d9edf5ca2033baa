"""The story of ``edgessl export`` for a dense network: files, proven by its figure on test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from edgessl.artifact import Metadata, torchscript
from edgessl.artifact.metadata import KEY
from edgessl.dense.answers import Run
from edgessl.dense.bundle import write_dense_bundle
from edgessl.dense.graph import with_output
from edgessl.dense.int8 import CALIBRATION, quantise_dense
from edgessl.dense.originals import pixels_of
from edgessl.dense.task import Task, Variant
from edgessl.errors import UserError
from edgessl.export.bundle.names import Runner
from edgessl.export.bundle.runners import add_runner, prepare_runners
from edgessl.export.bundle.write import refuse_foreign, refuse_foreign_models
from edgessl.export.formats.front import FIRST_OPSET, attach_square_front
from edgessl.export.formats.graph import export_graph
from edgessl.export.formats.products import save_onnx
from edgessl.export.product import ExportedFile, Product
from edgessl.export.target import Target
from edgessl.pipeline.dense.prove import prove_dense
from edgessl.pipeline.dense.ready import Ready, Say, answers_of_file, ready_to_export

FORMATS = ("onnx", "torchscript", "int8")
INT8_MAX_DROP_PERCENT = 2.0
"""Points of the task's figure that an int8 file may lose, where nothing else is asked for."""


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
    ready = ready_to_export(task, path, target, data, say)
    if "int8" in formats and ready.images is None:
        raise UserError(f"--int8: must have images to calibrate on: {ready.why_not}; pass --data")
    products = list(_products(ready, formats, say))
    refuse_foreign(folder)
    refuse_foreign_models(folder, [one.name for one, _ in products])
    folder.mkdir(parents=True, exist_ok=True)
    files = prove_dense(ready, products, folder, say)
    passed = [file for file in files if file.passed]
    if passed:
        say("writing the bundle around the files")
        for runner in runners:
            add_runner(folder, runner)
        write_dense_bundle(task, folder, passed, ready.finished, path, ready.test)
    return files


def _products(
    ready: Ready, formats: Sequence[str], say: Say
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


def _variants(ready: Ready, raw: Any) -> Iterator[Variant]:
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


def _quantised(ready: Ready, raw: Any, say: Say) -> Any:
    task, finished, images = ready.task, ready.finished, ready.images
    assert images is not None
    judging, square = task.judging, finished.square
    step = max(1, len(images.train) // CALIBRATION)
    val = pixels_of(images.val, square)

    def on_val(run: Run) -> float:
        return judging.judge(answers_of_file(ready, run, task.files.raw, val), images.val,
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
