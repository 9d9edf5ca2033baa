"""The files of an export without int8, one for each use."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.artifact import Metadata, exported_program, torchscript
from edgessl.artifact.metadata import KEY
from edgessl.backbones.prototypes import PrototypeClassifier
from edgessl.export.core import Core
from edgessl.export.formats.front import attach_front, front_fits
from edgessl.export.formats.graph import fix_batch, quiet
from edgessl.export.gates.features import check_features
from edgessl.export.gates.gate import Gate
from edgessl.export.product import Product

PROVEN_KEY = f"{KEY}.proven_with"
"""Metadata of ONNX and ORT files beside ``edgessl``: the runtimes they were proven in, as text."""


def save_ort(model: Any, path: Path) -> None:
    """Convert a model as onnxruntime's ``convert_onnx_models_to_ort`` does for arm64.

    Without the NCHWc layout, which only x86 has: the file runs on every processor, but on x86 it
    is slower than the ONNX file.

    Args:
        model: An ``onnx.ModelProto``, metadata included.
        path: Where to write it, ending in ``.ort``.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(path)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.onnx"
        onnx.save(model, str(source))
        onnxruntime.InferenceSession(
            str(source), options, providers=["CPUExecutionProvider"],
            disabled_optimizers=["NchwcTransformer"],
        )


def products_of(core: Core, formats: tuple[str, ...]) -> tuple[Product, ...]:
    """List the files to write.

    Args:
        core: The network.
        formats: Keys of ``WRITERS``.
    """
    products = tuple(product for name in formats for product in WRITERS[name](core))
    network = core.network
    if not isinstance(network, PrototypeClassifier):
        return products

    def features(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = network.features(torch.from_numpy(images)).numpy()
        return output

    def gates(path: Path) -> tuple[Gate, ...]:
        return (check_features(path, features, core.metadata.input_px),)

    return tuple(replace(product, more_gates=gates) for product in products)


def save_onnx(model: Any, path: Path, metadata: Metadata) -> None:
    """Write an ONNX model as one file, with its metadata.

    Args:
        model: An ``onnx.ModelProto``; unchanged.
        path: Where to write it.
        metadata: What it says about itself.
    """
    import onnx

    onnx.save(with_metadata(model, metadata), str(path))


def with_metadata(model: Any, metadata: Metadata) -> Any:
    """Return a copy of an ONNX model that says what it is.

    Args:
        model: An ``onnx.ModelProto``; unchanged.
        metadata: What it says about itself.
    """
    import onnx

    written = onnx.ModelProto()
    written.CopyFrom(model)
    proven = metadata.provenance.get("proven_with") or {}
    more = {PROVEN_KEY: ", ".join(f"{name} {found}" for name, found in proven.items())}
    onnx.helper.set_model_props(written, {KEY: metadata.to_json(), **(more if proven else {})})
    return written


def _onnx(core: Core) -> tuple[Product, ...]:
    static = fix_batch(core.graph, 1)
    return (
        Product(
            "model.onnx", "onnx", "servers and desktops: any batch size",
            lambda path, metadata: save_onnx(core.graph, path, metadata),
        ),
        Product(
            "model.batch1.onnx", "onnx", "phone runtimes (CoreML, NNAPI, QNN): one image, no "
            "dynamic shape",
            lambda path, metadata: save_onnx(static, path, metadata),
            batch=1,
        ),
        *_with_front(core),
    )


def _with_front(core: Core) -> tuple[Product, ...]:
    preprocess = core.preprocess
    if not front_fits(core.target.opset, preprocess):
        return ()
    model = attach_front(core.graph, preprocess)
    return (
        Product(
            "model.e2e.onnx", "onnx", "apps: uint8 RGB pixels of any size, preprocessing inside",
            lambda path, metadata: save_onnx(model, path, metadata),
            takes="pixels",
        ),
    )


def _ort(core: Core) -> tuple[Product, ...]:
    def write(path: Path, metadata: Metadata) -> None:
        save_ort(with_metadata(core.graph, metadata), path)

    return (Product("model.ort", "ort", "small builds of onnxruntime on phones", write),)


def _torchscript(core: Core) -> tuple[Product, ...]:
    side = core.metadata.input_px
    module = torchscript.trace_and_freeze(core.network, torch.zeros(2, 3, side, side))

    def write(path: Path, metadata: Metadata) -> None:
        torchscript.save(module, path, {KEY: metadata.to_json()})

    return (Product("model.torchscript", "torchscript", "libtorch", write),)


def _pt2(core: Core) -> tuple[Product, ...]:
    program = exported_program.program_of(core.network, core.metadata.input_px)

    def write(path: Path, metadata: Metadata) -> None:
        exported_program.save(program, path, {KEY: metadata.to_json()})

    return (Product("model.pt2", "pt2", "PyTorch: torch.export.load", write),)


NAMES = {
    "onnx": ("model.onnx", "model.batch1.onnx", "model.e2e.onnx"),
    "torchscript": ("model.torchscript",),
    "pt2": ("model.pt2",),
    "ort": ("model.ort",),
    "int8": ("model.int8.onnx", "model.e2e.int8.onnx"),
}
"""What was asked for -> the names of its files, known before any of them is made."""
WRITERS = {"onnx": _onnx, "torchscript": _torchscript, "pt2": _pt2, "ort": _ort}
"""What was asked for -> its files."""
