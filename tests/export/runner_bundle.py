"""A small bundle with every kind of ONNX model: core and end-to-end, fp32 and int8."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from small_network import CLASSES, PREPROCESS

from edgessl import checkpoint
from edgessl.artifact import Metadata
from edgessl.backbones import Backbone, Classifier
from edgessl.export.bundle.write import Origin, write_bundle
from edgessl.export.formats.front import attach_front
from edgessl.export.formats.graph import export_graph
from edgessl.export.formats.products import save_onnx
from edgessl.export.product import ExportedFile, size_mb

SIDE = PREPROCESS.crop_px


def make_bundle(folder: Path, seed: int = 0) -> Path:
    """Write the models of a random network and everything around them; return the folder."""
    network = _network(seed)
    checkpoint.save(folder / "ckpt.pt", {"seed": seed})
    metadata = Metadata(
        head="logits", classes=CLASSES, preprocess=PREPROCESS.to_dict(), input_px=SIDE,
        provenance={"checkpoint": "ckpt.pt"},
    )  # fmt: skip
    core = export_graph(network, SIDE, "logits", 20)
    graphs = {"model": core, "model.int8": _int8(core, folder)}
    models = []
    for name, graph in graphs.items():
        precision = "int8" if "int8" in name else "fp32"
        about = replace(metadata, precision=precision)
        models.append(_write(folder / f"{name}.onnx", graph, about))
        whole = attach_front(graph, PREPROCESS)
        path = folder / f"{name.replace('model', 'model.e2e')}.onnx"
        models.append(_write(path, whole, replace(about, takes="pixels")))

    def reference(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = network(torch.from_numpy(images)).numpy()
        return output

    origin = Origin(folder / "ckpt.pt", {}, reference, (), atol=1e-4, rtol=1e-4)
    write_bundle(folder, models, origin)
    return folder


def _network(seed: int) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Classifier(Backbone("mobilenetv2", "keep", SIDE), len(CLASSES)).eval()
        with torch.no_grad():  # classes far enough apart for int8
            network.fc.weight.mul_(20)
    return network


def _write(path: Path, graph: Any, metadata: Metadata) -> ExportedFile:
    save_onnx(graph, path, metadata)
    return ExportedFile(path, "onnx", "a test", metadata, size_mb(path), opset=20)


def _int8(core: Any, folder: Path) -> Any:
    noise = np.random.default_rng(0).standard_normal((8, 1, 3, SIDE, SIDE), dtype=np.float32)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        images = iter(noise)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            image = next(self.images, None)
            return None if image is None else {"images": image}

    before, after = folder / "before", folder / "after"
    onnx.save(core, str(before))
    quantize_static(
        str(before), str(after), Reader(), quant_format=QuantFormat.QDQ, per_channel=True
    )
    graph = onnx.load(str(after))
    before.unlink()
    after.unlink()
    return graph
