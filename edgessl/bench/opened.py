"""A model opened for timing: one call runs it once on an input made up for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgessl.artifact.metadata import KEY
from edgessl.errors import UserError

ONNX = (".onnx", ".ort")
TORCH = (".torchscript", ".pt2", ".pt")
"""Formats that need PyTorch; a checkpoint runs in eager mode."""

PHOTO_PX = (480, 640)
"""Height and width of the input to a model that takes any size."""

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
_THREADS = {
    "XnnpackExecutionProvider": "intra_op_num_threads",
    "OpenVINOExecutionProvider": "num_of_threads",
}
"""Providers with threads of their own -> the option that sets them."""


@dataclass(frozen=True, slots=True)
class How:
    """On what to run a model.

    Attributes:
        threads: Threads inside an operator.
        batch: Images in a run.
        provider: onnxruntime's execution provider.
        options: The provider's own options.
    """

    threads: int
    batch: int
    provider: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """A model ready to be timed.

    Attributes:
        run: Runs it once on a random input.
        call: Runs it on an array, and returns its first output.
        input_shape: Shape of the random input.
        takes_pixels: Whether it takes ``(B, H, W, 3)`` uint8 of any size.
        metadata: What edgessl wrote into the file, as JSON; empty if nothing.
        runtime: What runs it, such as ``"onnxruntime"``.
        finish: Ends the session and returns the path of its profile.
    """

    run: Callable[[], object]
    call: Callable[[Any], Any]
    input_shape: tuple[int, ...]
    takes_pixels: bool
    metadata: str
    runtime: str
    finish: Callable[[], str]


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
    from edgessl.bench.opened_torch import open_torch

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

    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in _DTYPES:
        got = ", ".join(f"{value.name}: {value.type}" for value in inputs)
        raise UserError(f"{path}: must have one image input, got {got}; pass an image network")
    pixels = inputs[0].type == "tensor(uint8)"
    shape = [batch, *inputs[0].shape[1:]]
    if pixels and len(shape) == 4:
        shape[1:3] = [
            side if isinstance(side, int) else photo
            for side, photo in zip(shape[1:3], PHOTO_PX, strict=True)
        ]
    if not all(isinstance(side, int) for side in shape):
        raise UserError(
            f"{path}: must have a fixed image size, got {inputs[0].shape}; export it for one size"
        )
    fixed = inputs[0].shape[0]
    if isinstance(fixed, int) and fixed != batch:
        raise UserError(f"{path}: its batch is fixed to {fixed}, got --batch {batch}; leave it out")
    generator = np.random.default_rng(0)
    if pixels:
        return {inputs[0].name: generator.integers(0, 256, shape, dtype=np.uint8)}
    values = generator.standard_normal(shape, dtype=np.float32)
    return {inputs[0].name: values.astype(_DTYPES[inputs[0].type])}
