"""Opens a graph in memory as a function of arrays, with the options that edgessl ships."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact.session import open_session


def open_model(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Open a model that has one input and one output.

    Args:
        model: An ``onnx.ModelProto``.

    Returns:
        Normalised images ``(B, 3, H, W)`` to the output ``(B, K)``.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, str(path))
        session = open_session(path)
    name = session.get_inputs()[0].name

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        output: NDArray[np.float32] = session.run(None, {name: images})[0]
        return output

    return run
