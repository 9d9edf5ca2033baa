"""What it takes to open a model for timing, and what one gets: a call runs it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edgessl.runtimes.formats import DEVICE_FORMATS

ONNX = (".onnx", ".ort")
DEVICES = tuple(DEVICE_FORMATS)
"""Formats of runtimes of their own, each run by it in its environment."""
TORCH = (".torchscript", ".pt2", ".pt")
"""Formats that need PyTorch; a checkpoint runs in eager mode."""


@dataclass(frozen=True, slots=True)
class How:
    """On what to run a model.

    Attributes:
        threads: Threads inside an operator.
        batch: Images in a run.
        provider: onnxruntime's execution provider.
        options: The provider's own options.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
    """

    threads: int
    batch: int
    provider: str
    options: dict[str, str] = field(default_factory=dict)
    trust: bool = False


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
