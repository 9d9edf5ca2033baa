"""TorchScript files. The only module that touches ``torch.jit``, which PyTorch has deprecated."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgessl.artifact.torch_file import Run, as_function, read_torch_file

DEPRECATION = "TorchScript is deprecated by PyTorch; kept for libtorch, prefer ONNX."


@contextmanager
def _without_warnings() -> Iterator[None]:
    # Every torch.jit function warns of its deprecation; the tracer warns of shape checks in timm.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def trace_and_freeze(network: nn.Module, example: Tensor) -> Any:
    """Turn a network into a frozen TorchScript module; its parameters become constants.

    Args:
        network: Images ``(B, 3, H, W)`` to ``(B, K)``, in eval mode.
        example: ``(2, 3, H, W)``.

    Returns:
        A ``torch.jit.ScriptModule`` that takes any batch size.
    """
    with _without_warnings(), torch.no_grad():
        traced = torch.jit.trace(network, example)  # type: ignore[no-untyped-call]
        return torch.jit.freeze(traced)


def save(module: Any, path: Path, metadata: dict[str, str]) -> None:
    """Write a TorchScript file without debug records: those name the source files' paths.

    Args:
        module: What ``trace_and_freeze`` returned.
        path: Where to write it.
        metadata: Texts to store as extra files.
    """
    buffer = io.BytesIO()
    with _without_warnings():
        torch.jit.save(module, buffer, _extra_files=metadata)
    reader = torch._C.PyTorchFileReader(io.BytesIO(buffer.getvalue()))
    stripped = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(stripped)
    for name in reader.get_all_records():
        # The writer adds version and .data/ itself.
        if name.endswith(".debug_pkl") or name == "version" or name.startswith(".data/"):
            continue
        record = reader.get_record(name)
        writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    path.write_bytes(stripped.getvalue())


def load(path: Path, key: str, *, trust: bool = False) -> tuple[Run, str]:
    """Open a TorchScript file as a function of arrays.

    Args:
        path: The file.
        key: Name of the extra file to read.
        trust: Whether the user answers for it; else the manifest beside it must list it.

    Returns:
        The function, and the text under ``key`` (empty if there is none).

    Raises:
        UserError: The file is missing or no TorchScript module, or nobody answers for it.
    """
    module, text = _read(path, key, trust=trust)
    return as_function(module, path), text


def count_params(path: Path, *, trust: bool = False) -> int:
    """Count the weights of a frozen module; batch norm is folded into them.

    Args:
        path: A file that ``load`` opens.
        trust: Whether the user answers for it.
    """
    with _without_warnings():
        module, _ = _read(path, "", trust=trust)
        graph = module.inlined_graph  # the nodes live as long as it does
    constants = graph.findAllNodes("prim::Constant")
    tensors = [node.t("value") for node in constants
               if node.hasAttribute("value") and node.kindOf("value") == "t"]  # fmt: skip
    weights = [t for t in tensors if t.is_floating_point() and t.dim()]
    return sum(tensor.numel() for tensor in (*weights, *module.parameters()))


def _read(path: Path, key: str, *, trust: bool) -> tuple[Any, str]:
    def read(content: bytes, _records: dict[str, bytes]) -> Any:
        return torch.jit.load(io.BytesIO(content), map_location="cpu")  # type: ignore[no-untyped-call]

    return read_torch_file(
        path, key, read, content="TorchScript module", option="--torchscript", trust=trust
    )
