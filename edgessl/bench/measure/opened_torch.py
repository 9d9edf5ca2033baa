"""PyTorch's formats opened for timing, so that one sees what onnxruntime gains. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.artifact import Metadata
from edgessl.artifact.metadata import KEY
from edgessl.artifact.session import CPU
from edgessl.bench.measure.opened import How, Opened
from edgessl.errors import UserError


def open_torch(path: Path, how: How) -> Opened:
    """Open TorchScript, a ``torch.export`` program, or a checkpoint in eager mode.

    Args:
        path: A ``.torchscript``, ``.pt2`` or ``.pt`` file.
        how: On what to run it; PyTorch runs on the CPU here.

    Raises:
        UserError: The file cannot be opened or run like this.
    """
    if how.provider != CPU:
        raise UserError(
            f"{path}: must be an ONNX file for a device with '{how.provider}'; PyTorch's formats "
            "are timed on the CPU, with --device cpu"
        )
    torch.set_num_threads(how.threads)
    kind = path.suffix.lower()
    found = _eager(path) if kind == ".pt" else _file(path, kind, trust=how.trust)
    call, text, side, runtime = found
    shape = (how.batch, 3, side, side)
    images = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)

    def run() -> object:
        return call(images)

    return Opened(
        run=run, call=call, input_shape=shape, takes_pixels=False, metadata=text,
        runtime=runtime, finish=lambda: "",
    )  # fmt: skip


_Found = tuple[Callable[[NDArray[Any]], NDArray[np.float32]], str, int, str]


def _file(path: Path, kind: str, *, trust: bool) -> _Found:
    if kind == ".pt2":
        from edgessl.artifact import exported_program

        call, text = exported_program.load(path, KEY, trust=trust)
    else:
        from edgessl.artifact import torchscript

        call, text = torchscript.load(path, KEY, trust=trust)
    if not text:
        raise UserError(
            f"{path}: must carry edgessl's metadata, which says the image size, got none; "
            "pass a file that `edgessl export` wrote"
        )
    side = Metadata.from_json(text, str(path)).input_px
    return call, text, side, "torch.export" if kind == ".pt2" else "TorchScript"


def _eager(path: Path) -> _Found:
    from edgessl import checkpoint
    from edgessl.backbones import deployable_from

    deployable = deployable_from(checkpoint.load(path), str(path))
    network = deployable.module.eval()

    def call(images: NDArray[Any]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = network(torch.from_numpy(images)).numpy()
        return output

    side = int(deployable.preprocess["crop_px"])
    about = Metadata(
        head=deployable.head, classes=deployable.classes, preprocess=deployable.preprocess,
        input_px=side, provenance={},
    )  # fmt: skip
    return call, about.to_json(), side, "PyTorch eager"
