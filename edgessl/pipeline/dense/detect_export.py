"""The story of ``edgessl export`` for a detector: files with and without the suppression inside."""

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
from edgessl.dense.boxes.boxed import BoxedImage, BoxSet
from edgessl.dense.boxes.load import load_boxes
from edgessl.dense.detection.bundle import write_detector_bundle
from edgessl.dense.detection.deploy import Detector, detector_from
from edgessl.dense.detection.found import Found, suppress
from edgessl.dense.detection.gates import check_ap, check_boxes
from edgessl.dense.detection.int8 import CALIBRATION, quantise_detector
from edgessl.dense.detection.score import BATCH, find_all
from edgessl.dense.detection.suppressed_graph import FULL, RAW, ROWS, found_of, with_suppression
from edgessl.dense.detection.train import predictor
from edgessl.dense.originals import pixels_of
from edgessl.errors import UserError
from edgessl.export.bundle.write import refuse_foreign, refuse_foreign_models
from edgessl.export.core import portable
from edgessl.export.formats.graph import export_graph
from edgessl.export.formats.products import save_onnx
from edgessl.export.gates.gate import BASIC, Gate, failed
from edgessl.export.gates.parity import check_parity, extreme_images
from edgessl.export.gates.structure import check_bytes, check_structure
from edgessl.export.gates.without_torch import check_without_torch
from edgessl.export.product import ExportedFile, Product, give_name, write_aside
from edgessl.export.target import Target

FORMATS = ("onnx", "torchscript", "int8")
INT8_MAX_DROP_PERCENT = 2.0
"""Points of AP50 that an int8 file may lose, where nothing else is asked for."""
Say = Callable[[str], None]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _Ready:
    """A detector, ready to be written and proven.

    Attributes:
        detector: The checkpoint's.
        target: What the files are for.
        metadata: What each file says about itself, but for its head.
        boxes: Images of its run or of ``--data``; None where they are not to be had.
        why_not: Why there are none.
    """

    detector: Detector
    target: Target
    metadata: Metadata
    boxes: BoxSet | None
    why_not: str = ""


def export_detector(
    path: Path,
    *,
    formats: Sequence[str],
    target: Target,
    data: str | None,
    folder: Path,
    say: Say,
) -> tuple[ExportedFile, ...]:
    """Write a detector's files, check each against its checkpoint, and the bundle around them.

    Args:
        path: Its checkpoint.
        formats: Of ``FORMATS``.
        target: What the files are for; its ``int8_max_drop_percent`` holds for AP50.
        data: Images for the gates; None for those of its run.
        folder: Where to write.
        say: Called with the name of each step.

    Raises:
        UserError: A format is none of a detector's, or what it needs is not there.
    """
    if unfit := [kind for kind in formats if kind not in FORMATS]:
        raise UserError(
            f"--{unfit[0]}: must be a format that detectors are written in ({', '.join(FORMATS)}), "
            f"got {', '.join(unfit)}; leave it out"
        )
    ready = _ready(path, target, data, say)
    if "int8" in formats and ready.boxes is None:
        raise UserError(f"--int8: must have images to calibrate on: {ready.why_not}; pass --data")
    products = list(_products(ready, formats, say))
    refuse_foreign(folder)
    refuse_foreign_models(folder, [one.name for one, _ in products])
    folder.mkdir(parents=True, exist_ok=True)
    files = _proven(ready, products, folder, say)
    passed = [file for file in files if file.passed]
    if passed:
        say("writing the bundle around the files")
        test = ready.boxes.test if ready.boxes is not None else ()
        write_detector_bundle(folder, passed, ready.detector, path, test)
    return files


def _ready(path: Path, target: Target, data: str | None, say: Say) -> _Ready:
    detector = detector_from(checkpoint.load(path), str(path))
    metadata = Metadata(
        head=FULL, classes=detector.classes, preprocess=detector.square.to_dict(),
        input_px=detector.square.input_px,
        provenance=portable({"checkpoint": path.name, **detector.provenance}),
    )
    source = data or str(detector.provenance.get("data", ""))
    say("reading the images")
    try:
        boxes, why_not = load_boxes(source), ""
    except UserError as error:
        if data is not None:
            raise
        boxes, why_not = None, f"the images of its run are not to be had ({error})"
    if boxes is not None and boxes.classes != detector.classes:
        raise UserError(
            f"{source}: must have the detector's classes ({', '.join(detector.classes)}), got "
            f"{', '.join(boxes.classes)}; pass the data it was trained for"
        )
    return _Ready(detector, target, metadata, boxes, why_not)


def _products(
    ready: _Ready, formats: Sequence[str], say: Say
) -> Iterator[tuple[Product, str]]:
    """Give each file to write, with its head."""
    detector, target = ready.detector, ready.target
    side, classes = detector.square.input_px, len(detector.classes)
    say("writing the graph")
    raw = export_graph(detector.module, side, RAW, target.opset)
    yield _onnx(with_suppression(raw, classes, detector.rule), "model.onnx", FULL,
                "any runtime of ONNX: boxes without doubles"), FULL  # fmt: skip
    yield _onnx(raw, "model.raw.onnx", RAW,
                "runtimes without NonMaxSuppression: every default box"), RAW  # fmt: skip
    if "torchscript" in formats:
        module = torchscript.trace_and_freeze(detector.module, torch.zeros(2, 3, side, side))

        def save(path: Path, metadata: Metadata) -> None:
            torchscript.save(module, path, {KEY: metadata.to_json()})

        yield Product("model.raw.torchscript", "torchscript", "libtorch: every default box",
                      save), RAW  # fmt: skip
    if "int8" in formats and ready.boxes is not None:
        boxes = ready.boxes
        step = max(1, len(boxes.train) // CALIBRATION)
        quantised = quantise_detector(
            raw, detector.square, detector.rule, boxes,
            calibration=pixels_of(boxes.train[::step][:CALIBRATION], detector.square),
            judging=pixels_of(boxes.val, detector.square),
            activations=target.int8_activations, say=say,
        )
        history = {"int8": quantised.history}
        full = with_suppression(quantised.graph, classes, detector.rule)
        yield _onnx(full, "model.int8.onnx", FULL, "small and fast: boxes without doubles",
                    history), FULL  # fmt: skip
        yield _onnx(quantised.graph, "model.raw.int8.onnx", RAW,
                    "small and fast, without NonMaxSuppression", history), RAW  # fmt: skip


def _onnx(
    graph: Any, name: str, head: str, purpose: str, history: dict[str, Any] | None = None
) -> Product:
    return Product(
        name, "onnx", purpose, lambda path, metadata: save_onnx(graph, path, metadata),
        precision="int8" if history else "fp32", history=history or {},
    )


def _proven(
    ready: _Ready, products: Sequence[tuple[Product, str]], folder: Path, say: Say
) -> tuple[ExportedFile, ...]:
    predict = predictor(ready.detector.module, ready.detector.square, torch.device("cpu"))
    test = ready.boxes.test if ready.boxes is not None else ()
    pixels = pixels_of(test, ready.detector.square)
    say("the checkpoint on test images")
    expected = find_all(pixels, predict, ready.detector.rule)
    files = []
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
        for product, head in products:
            say(f"checking {product.name}")
            metadata = replace(ready.metadata, head=head)
            file = write_aside(product, metadata, ready.target.opset, Path(scratch))
            gates = tuple(_gates(ready, file, pixels, expected, test))
            files.append(give_name(product, replace(file, gates=gates), folder))
    return tuple(files)


def _gates(
    ready: _Ready, file: ExportedFile, pixels: Pixels, expected: list[Found],
    test: Sequence[BoxedImage],
) -> Iterator[Gate]:
    """Check a file; after a basic failure the rest would only follow from it."""
    target, square, head = ready.target, ready.detector.square, file.metadata.head
    found: list[Gate] = []
    if file.format == "onnx":
        rows = ROWS if head == FULL else "batch"
        found.append(check_structure(file.path, opset=target.opset, output=head, rows=rows))
    else:
        found.append(check_bytes(file.path))
    yield found[-1]
    run = open_artifact(file.path, trust=True).run
    int8 = file.precision == "int8"
    if head == RAW:
        reference = predictor_of_arrays(ready.detector)
        images = {"parity on extremes": extreme_images(square.input_px)}
        if len(pixels):
            images["parity on images"] = square.normalise(pixels[: 2 * BATCH])
        for name, batch in images.items():
            found.append(check_parity(
                name, _flat(reference), _flat(run), batch, atol=None if int8 else target.atol,
                rtol=target.rtol, classifies=False,
            ))  # fmt: skip
            yield found[-1]
    if failed([gate for gate in found if gate.name in BASIC]):
        return
    if not test:
        yield Gate("AP through the file", "skip", ready.why_not)
        return
    told = _told(run, head, pixels, ready.detector)
    yield check_boxes(expected, told, free=int8)
    limit = target.int8_max_drop_percent if int8 else target.max_drop_percent
    yield check_ap(expected, told, test, ready.detector.classes, max_drop_percent=limit)
    if file.format == "onnx" and head == RAW:
        image = square.normalise(pixels[:1])
        yield check_without_torch({file.path: (image, run(image))}, KEY)[file.path]


def _told(
    run: Callable[[Any], NDArray[np.float32]], head: str, pixels: Pixels, detector: Detector
) -> list[Found]:
    told: list[Found] = []
    for first in range(0, len(pixels), BATCH):
        batch = detector.square.normalise(pixels[first : first + BATCH])
        output = run(batch)
        told += (
            found_of(output, len(batch)) if head == FULL else suppress(output, detector.rule)
        )
    return told


def predictor_of_arrays(
    detector: Detector,
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return the checkpoint's network as a function of normalised images."""

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = detector.module(torch.from_numpy(images)).numpy()
        return output

    return run


def _flat(
    run: Callable[[Any], NDArray[np.float32]],
) -> Callable[[Any], NDArray[np.float32]]:
    """Lay what an image gives out in one row, as the parity gate compares."""
    return lambda images: (output := run(images)).reshape(len(output), -1)
