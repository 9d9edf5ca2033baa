"""``.pt2`` files: the graph of ``torch.export``, for those who deploy with PyTorch."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgessl.artifact.torch_file import Run, open_torch_file


def program_of(network: nn.Module, input_px: int) -> Any:
    """Capture a network with a dynamic batch.

    Args:
        network: Images ``(B, 3, S, S)`` to ``(B, K)``, in eval mode.
        input_px: Side ``S`` of the images.

    Returns:
        A ``torch.export.ExportedProgram``.
    """
    example = torch.zeros(2, 3, input_px, input_px)  # a batch of one would become a constant
    with torch.no_grad():
        return torch.export.export(
            network, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},)
        )


def save(program: Any, path: Path, metadata: dict[str, str]) -> None:
    """Write a program without the stack traces of its nodes: they name the source files' paths.

    Args:
        program: What ``program_of`` returned.
        path: Where to write it.
        metadata: Texts to store as extra files.
    """
    for module in program.graph_module.modules():
        for node in getattr(getattr(module, "graph", None), "nodes", ()):
            for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node"):
                node.meta.pop(key, None)
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files=metadata)
    path.write_bytes(buffer.getvalue())


def load(path: Path, key: str) -> tuple[Run, str]:
    """Open a ``.pt2`` file as a function of arrays.

    Args:
        path: The file.
        key: Name of the extra file to read.

    Returns:
        The function, and the text under ``key`` (empty if there is none).

    Raises:
        UserError: The file is missing or is no exported program.
    """
    def read(extra: dict[str, Any]) -> Any:
        return torch.export.load(io.BytesIO(path.read_bytes()), extra_files=extra).module()

    return open_torch_file(path, key, read, content="program of torch.export", option="--pt2")


def count_params(path: Path) -> int:
    """Count the parameters of a program; the statistics of batch norm are buffers.

    Args:
        path: A file that ``load`` opens.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.load(io.BytesIO(path.read_bytes()))
    return sum(parameter.numel() for parameter in program.parameters())
