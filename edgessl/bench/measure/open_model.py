"""Opens a model for timing in the runtime that its suffix asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgessl.artifact.metadata import KEY
from edgessl.bench.measure.inputs import DTYPES, input_shape
from edgessl.bench.measure.opened import TORCH, How, Opened

_THREADS = {
    "XnnpackExecutionProvider": "intra_op_num_threads",
    "OpenVINOExecutionProvider": "num_of_threads",
}
"""Providers with threads of their own -> the option that sets them."""


def open_model(path: Path, how: How, profile_prefix: str = "") -> Opened:
    """Open a model in the runtime that its suffix asks for.

    Args:
        path: An ONNX or ORT file, TorchScript, a ``torch.export`` program, or a checkpoint.
        how: On what to run it.
        profile_prefix: Path to begin the names of onnxruntime's profile with; empty for none.

    Raises:
        UserError: The file cannot be opened or run like this.
    """
    if path.suffix.lower() not in TORCH:
        return _open_onnx(path, how, profile_prefix)
    from edgessl.bench.measure.opened_torch import open_torch

    return open_torch(path, how)


def _open_onnx(path: Path, how: How, profile_prefix: str) -> Opened:
    from edgessl.artifact.session import open_session, session_options

    threads, options = how.threads, dict(how.options)
    if own := _THREADS.get(how.provider):
        options.setdefault(own, str(threads))
        threads = 1
    session_option = session_options(threads)
    if profile_prefix:
        session_option.enable_profiling = True
        session_option.profile_file_prefix = profile_prefix
    session = open_session(
        path, provider=how.provider, provider_options=options, options=session_option
    )
    feed = _feed(session, path, how.batch)
    name, images = next(iter(feed.items()))

    def run() -> object:
        return session.run(None, feed)

    def call(batch: Any) -> Any:
        return session.run(None, {name: batch})[0]

    return Opened(
        run=run, call=call, input_shape=images.shape, takes_pixels=images.dtype == "uint8",
        metadata=session.get_modelmeta().custom_metadata_map.get(KEY, ""),
        runtime="onnxruntime", finish=session.end_profiling,
    )  # fmt: skip


def _feed(session: Any, path: Path, batch: int) -> dict[str, Any]:
    """Make one random input of the shape that the model takes."""
    import numpy as np

    shape = input_shape(session, path, batch)
    image = session.get_inputs()[0]
    generator = np.random.default_rng(0)
    if DTYPES[image.type] == "uint8":
        return {image.name: generator.integers(0, 256, shape, dtype=np.uint8)}
    values = generator.standard_normal(shape, dtype=np.float32)
    return {image.name: values.astype(DTYPES[image.type])}
