"""The story of ``edgessl export`` for a segmenter: logits of every pixel, proven by mIoU."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl import catalog, checkpoint
from edgessl.artifact import Metadata, open_artifact, torchscript
from edgessl.artifact.metadata import KEY
from edgessl.dense.masks.load import load_masks
from edgessl.dense.masks.masked import MaskedImage
from edgessl.dense.originals import pixels_of
from edgessl.dense.segmentation.deploy import Segmenter, segmenter_from
from edgessl.dense.segmentation.miou import Counts, confusions, mean_iou, resampled
from edgessl.dense.segmentation.report import colours
from edgessl.dense.segmentation.train import logits_of
from edgessl.errors import UserError
from edgessl.export.bundle.manifest import describe_file, sha256_of, write_manifest
from edgessl.export.bundle.write import REQUIREMENTS, refuse_foreign, refuse_foreign_models
from edgessl.export.core import portable
from edgessl.export.formats.graph import export_graph
from edgessl.export.formats.products import save_onnx
from edgessl.export.gates.gate import BASIC, Gate, failed
from edgessl.export.gates.parity import check_parity, extreme_images
from edgessl.export.gates.structure import check_bytes, check_structure
from edgessl.export.gates.without_torch import check_without_torch
from edgessl.export.product import ExportedFile, Product, give_name, write_aside
from edgessl.export.target import Target
from edgessl.files import atomic_path

FORMATS = ("onnx", "torchscript")
HEAD = "pixels"
"""The output: logits ``(batch, K, S, S)``."""
WHAT = {
    "run.py": "paints the classes of pixels; numpy, pillow and onnxruntime only",
    "requirements.txt": "what run.py imports",
    "labels.txt": "class names, in the order of the outputs",
    "preprocess.json": "how an image becomes the network's input, and what comes out",
}
Say = Callable[[str], None]
Run = Callable[[NDArray[Any]], NDArray[np.float32]]


@dataclass(frozen=True)
class _Ready:
    """A segmenter, its target, and the test images that it is proven on."""

    segmenter: Segmenter
    target: Target
    test: tuple[MaskedImage, ...]
    why_not: str


def export_segmenter(
    path: Path, *, formats: Sequence[str], target: Target, data: str | None, folder: Path, say: Say
) -> tuple[ExportedFile, ...]:
    """Write a segmenter's files, check each against its checkpoint, and the bundle around them.

    Args:
        path: Its checkpoint.
        formats: Of ``FORMATS``.
        target: What the files are for; its ``max_drop_percent`` holds for mIoU.
        data: Images for the gates; None for those of its run.
        folder: Where to write.
        say: Called with the name of each step.

    Raises:
        UserError: A format is none of a segmenter's, or the images do not fit.
    """
    if unfit := [kind for kind in formats if kind not in FORMATS]:
        raise UserError(
            f"--{unfit[0]}: must be a format that segmenters are written in ({', '.join(FORMATS)}),"
            f" got {', '.join(unfit)}; leave it out"
        )
    segmenter = segmenter_from(checkpoint.load(path), str(path))
    ready = _ready(segmenter, target, data)
    metadata = Metadata(
        head=HEAD, classes=segmenter.classes, preprocess=segmenter.square.to_dict(),
        input_px=segmenter.square.input_px,
        provenance=portable({"checkpoint": path.name, **segmenter.provenance}),
    )
    say("writing the graph")
    products = list(_products(segmenter, formats, target.opset))
    refuse_foreign(folder)
    refuse_foreign_models(folder, [one.name for one in products])
    folder.mkdir(parents=True, exist_ok=True)
    pixels = pixels_of(ready.test, segmenter.square)
    before = confusions(pixels, ready.test, len(segmenter.classes), _reference(segmenter))
    files = []
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
        for product in products:
            say(f"checking {product.name}")
            file = write_aside(product, metadata, target.opset, Path(scratch))
            gates = tuple(_gates(ready, file, pixels, before))
            files.append(give_name(product, replace(file, gates=gates), folder))
    passed = [file for file in files if file.passed]
    if passed:
        say("writing the bundle around the files")
        _write_bundle(folder, passed, segmenter, path)
    return tuple(files)


def _ready(segmenter: Segmenter, target: Target, data: str | None) -> _Ready:
    source = data or str(segmenter.provenance.get("data", ""))
    try:
        masks = load_masks(source)
    except UserError as error:
        if data is not None:
            raise
        why = f"the images of its run are not to be had ({error})"
        return _Ready(segmenter, target, (), why)
    if masks.classes != segmenter.classes:
        raise UserError(
            f"{source}: must have the segmenter's classes ({', '.join(segmenter.classes)}), got "
            f"{', '.join(masks.classes)}; pass the data it was trained for"
        )
    return _Ready(segmenter, target, masks.test, "")


def _products(segmenter: Segmenter, formats: Sequence[str], opset: int) -> Iterator[Product]:
    side = segmenter.square.input_px
    graph = export_graph(segmenter.module, side, HEAD, opset)
    yield Product(
        "model.onnx", "onnx", "any runtime of ONNX: logits of every pixel",
        lambda path, metadata: save_onnx(graph, path, metadata),
    )
    if "torchscript" in formats:
        module = torchscript.trace_and_freeze(segmenter.module, torch.zeros(2, 3, side, side))
        yield Product(
            "model.torchscript", "torchscript", "libtorch: logits of every pixel",
            lambda path, metadata: torchscript.save(module, path, {KEY: metadata.to_json()}),
        )


def _reference(segmenter: Segmenter) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    return logits_of(segmenter.module, segmenter.square, torch.device("cpu"))


def _gates(
    ready: _Ready, file: ExportedFile, pixels: NDArray[np.uint8], before: Counts
) -> Iterator[Gate]:
    """Check a file; after a basic failure the rest would only follow from it."""
    segmenter, target, square = ready.segmenter, ready.target, ready.segmenter.square
    if file.format == "onnx":
        found = [check_structure(file.path, opset=target.opset, output=HEAD)]
    else:
        found = [check_bytes(file.path)]
    yield found[-1]
    run = open_artifact(file.path, trust=True).run

    def expected(images: NDArray[Any]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = segmenter.module(torch.from_numpy(images)).numpy()
        return output

    batches = {"parity on extremes": extreme_images(square.input_px)}
    if len(pixels):
        batches["parity on images"] = square.normalise(pixels[:8])
    for name, batch in batches.items():
        found.append(check_parity(
            name, _flat(expected), _flat(run), batch, atol=target.atol, rtol=target.rtol,
            classifies=False,
        ))  # fmt: skip
        yield found[-1]
    if failed([gate for gate in found if gate.name in BASIC]):
        return
    if not ready.test:
        yield Gate("mIoU through the file", "skip", ready.why_not)
        return
    after = confusions(
        pixels, ready.test, len(segmenter.classes), lambda batch: run(square.normalise(batch))
    )
    yield check_miou(before, after, max_drop_percent=target.max_drop_percent)
    if file.format == "onnx":
        image = square.normalise(pixels[:1])
        yield check_without_torch({file.path: (image, run(image))}, KEY)[file.path]


def check_miou(before: Counts, after: Counts, *, max_drop_percent: float) -> Gate:
    """Compare mIoU through a file with the checkpoint's, on the same test images.

    Args:
        before: Counts of the checkpoint, ``(I, K, K)``.
        after: Counts of the file.
        max_drop_percent: Points that the file may lose.
    """
    ours, theirs = mean_iou(before), mean_iou(after)
    low, high = np.percentile(resampled(after) - resampled(before), [2.5, 97.5])
    finding = (
        f"mIoU {theirs:.2f} % through the file, {ours:.2f} % before: {theirs - ours:+.2f} points "
        f"({low:+.2f} to {high:+.2f}) on {len(before)} test images; {max_drop_percent:g} may be "
        "lost"
    )
    numbers = {"miou_percent": theirs, "checkpoint_miou_percent": ours, "low": float(low),
               "high": float(high), "images": len(before)}  # fmt: skip
    passed = ours - theirs <= max_drop_percent
    return Gate("mIoU through the file", "pass" if passed else "fail", finding, numbers)


def _flat(run: Run) -> Run:
    """Lay what an image gives out in one row, as the parity gate compares."""
    return lambda images: (output := run(images)).reshape(len(output), -1)


def _write_bundle(
    folder: Path, files: Sequence[ExportedFile], segmenter: Segmenter, path: Path
) -> None:
    about = {
        **segmenter.square.to_dict(),
        "resize": "to input_px x input_px whatever the shape, width first, then height, "
        "antialiased (Pillow)",
        "scale": "x / 255, minus mean, over std",
        HEAD: "(batch, classes, input_px, input_px) logits; resize them to the image and take the "
        "largest",
        "colours": colours(len(segmenter.classes)),
    }
    texts = {
        "labels.txt": "".join(f"{name}\n" for name in segmenter.classes),
        "preprocess.json": json.dumps(about, indent=2) + "\n",
        "requirements.txt": "".join(
            f"{name}>={oldest}\n"
            for name, oldest in {**REQUIREMENTS, "onnxruntime": "1.20"}.items()
        ),
    }
    for name, text in texts.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    with atomic_path(folder / "run.py") as temporary:
        shutil.copyfile(catalog.root() / "export/runners/segmenter/run.py", temporary)
    described = {name: describe_file(folder / name, what) for name, what in WHAT.items()}
    described |= {
        file.path.name: describe_file(
            file.path, file.purpose, format=file.format, opset=file.opset, head=HEAD,
            precision=file.precision, takes=file.takes,
            gates={gate.name: gate.status for gate in file.gates},
        )
        for file in files
    }
    write_manifest(
        folder, checkpoint={"name": path.name, "sha256": sha256_of(path)}, files=described
    )
