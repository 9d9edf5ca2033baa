"""The folder that goes to the device: a runner, labels, and images to try the models on."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from edgessl import catalog
from edgessl.artifact import open_artifact
from edgessl.data.decode import read_image
from edgessl.dense.task import Finished, Task
from edgessl.export.bundle.manifest import describe_file, sha256_of, write_manifest
from edgessl.export.bundle.runners import describe_runners
from edgessl.export.bundle.write import REQUIREMENTS
from edgessl.export.product import ExportedFile
from edgessl.files import atomic_path

WHAT = {
    "requirements.txt": "what run.py imports",
    "labels.txt": "class names, in the order of the outputs",
    "preprocess.json": "how an image becomes the network's input, and what comes out",
    "testvectors.npz": "test images with the answers they must give",
}
TRIED, TRIED_PX = 3, 320
ONNXRUNTIME = "1.20"
"""The oldest that pyproject allows; older ones were not tried."""


def write_dense_bundle(
    task: Task, folder: Path, files: Sequence[ExportedFile], finished: Finished, checkpoint: Path,
    images: Sequence[Any],
) -> None:
    """Write what lies around the models.

    Args:
        task: Detection or segmentation.
        folder: Where they lie.
        files: Those that passed.
        finished: The checkpoint's network.
        checkpoint: Its file.
        images: Test images; none where they are not to be had.
    """
    texts = {
        "labels.txt": "".join(f"{name}\n" for name in finished.classes),
        "preprocess.json": json.dumps(_preprocess(task, finished), indent=2) + "\n",
        "requirements.txt": "".join(
            f"{name}>={oldest}\n"
            for name, oldest in {**REQUIREMENTS, "onnxruntime": ONNXRUNTIME}.items()
        ),
    }  # fmt: skip
    for name, text in texts.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    with atomic_path(folder / "run.py") as temporary:
        shutil.copyfile(catalog.root() / "export/runners/dense/run.py", temporary)
    _write_vectors(task, folder / "testvectors.npz", files, finished, images)
    what = {"run.py": task.files.run_py, **WHAT}
    described = {name: describe_file(folder / name, told) for name, told in what.items()}
    described |= {
        file.path.name: describe_file(
            file.path, file.purpose, format=file.format, opset=file.opset,
            head=file.metadata.head, precision=file.precision, takes=file.takes,
            gates={gate.name: gate.status for gate in file.gates},
        )
        for file in files
    }
    described |= describe_runners(folder)
    write_manifest(
        folder, checkpoint={"name": checkpoint.name, "sha256": sha256_of(checkpoint)},
        files=described,
    )


def _preprocess(task: Task, finished: Finished) -> dict[str, Any]:
    return {
        **finished.square.to_dict(),
        "colours": "RGB, EXIF orientation applied, transparency on white",
        "resize": "to input_px x input_px whatever the shape, width first, then height, "
        "antialiased (Pillow)",
        "scale": "x / 255, minus mean, over std",
        "layout": "(batch, 3, input_px, input_px) float32",
        **task.files.about(finished),
    }


def _write_vectors(
    task: Task, path: Path, files: Sequence[ExportedFile], finished: Finished,
    shown: Sequence[Any],
) -> None:
    pictures = [_shrunk(read_image(one.path)) for one in shown[:: max(1, len(shown) // TRIED)]]
    pictures = pictures[:TRIED] or [Image.effect_noise((320, 240), 60).convert("RGB")]
    arrays: dict[str, Any] = {
        f"image_{i}": np.asarray(one, np.uint8) for i, one in enumerate(pictures)
    }
    pixels = np.stack([finished.square.pixels(one) for one in pictures])
    images = finished.square.normalise(pixels)
    heads = (task.drawing.head, task.files.whole)
    for file in files:
        if file.format != "onnx" or file.metadata.head not in heads:
            continue
        run = open_artifact(file.path).run
        if file.takes == "pixels":
            output = task.files.joined([run(np.asarray(one)[None]) for one in pictures])
        else:
            output = run(images)
        name, kept = task.files.vector(output)
        arrays[f"{name}/{file.path.name}"] = kept
    about = {"images": len(pictures), "head": task.drawing.head,
             "preprocess": finished.square.to_dict()}  # fmt: skip
    arrays |= {"pixels": pixels, "about": np.array(json.dumps(about))}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _shrunk(picture: Image.Image) -> Image.Image:
    picture.thumbnail((TRIED_PX, TRIED_PX))
    return picture
