"""The network of an export, and what all of its files share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.artifact import Metadata
from edgessl.data.preprocess import Preprocess
from edgessl.export.formats.graph import export_graph
from edgessl.export.gates.held_out import HeldOut
from edgessl.export.target import Target


@dataclass(frozen=True)
class Core:
    """A checkpoint's network, ready to be written in any format.

    Attributes:
        network: Images ``(B, 3, S, S)`` to ``(B, K)``, in eval mode.
        metadata: What each file says about itself, but for what is its own.
        target: What the files are for.
        test: The images the checkpoint's scores were measured on.
        provenance: The checkpoint's own, absolute paths included: it never goes into a file.
    """

    network: torch.nn.Module
    metadata: Metadata
    target: Target
    test: HeldOut
    provenance: dict[str, Any]

    @cached_property
    def graph(self) -> Any:
        """The ONNX graph with a dynamic batch, made once; copy it before a change."""
        return export_graph(
            self.network, self.metadata.input_px, self.metadata.head, self.target.opset
        )

    @property
    def preprocess(self) -> Preprocess:
        """The evaluation transform."""
        return Preprocess.from_dict(self.metadata.preprocess)

    @property
    def reference(self) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """The network as a function of arrays: what every file is compared with."""

        def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
            with torch.inference_mode():
                output: NDArray[np.float32] = self.network(torch.from_numpy(images)).numpy()
            return output

        return run
