"""``.pt2`` files: the graph of ``torch.export``, for those who deploy with PyTorch."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgessl.artifact.torch_file import Run, as_function, read_torch_file


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


def load(path: Path, key: str, *, trust: bool = False) -> tuple[Run, str]:
    """Open a ``.pt2`` file as a function of arrays.

    Args:
        path: The file.
        key: Name of the extra file to read.
        trust: Whether the user answers for it; else the manifest beside it must list it.

    Returns:
        The function, and the text under ``key`` (empty if there is none).

    Raises:
        UserError: The file is missing or no exported program, it has pickles that ``save`` never
            writes, or nobody answers for it.
    """
    program, text = _read(path, key, trust=trust)
    return as_function(program.module(), path), text


def count_params(path: Path, *, trust: bool = False) -> int:
    """Count the parameters of a program; the statistics of batch norm are buffers.

    Args:
        path: A file that ``load`` opens.
        trust: Whether the user answers for it.
    """
    program, _ = _read(path, "", trust=trust)
    return sum(parameter.numel() for parameter in program.parameters())


def _read(path: Path, key: str, *, trust: bool) -> tuple[Any, str]:
    def read(_content: bytes, records: dict[str, bytes]) -> Any:
        program = torch.export.load(io.BytesIO(_plain_archive(records)))
        program.module()  # what cannot be built is refused here
        return program

    return read_torch_file(
        path, key, read, content="program of torch.export", option="--pt2", trust=trust
    )


_ROOT = "archive"
_INPUTS = "data/sample_inputs/model.pt"
_CONFIGS = {
    "data/weights/model_weights_config.json": r"weight_\d+",
    "data/constants/model_constants_config.json": r"tensor_\d+",
}
"""Tables of tensors -> what the record of each may be called."""
_PLAIN = (
    r"models/model\.json|archive_format|archive_version|byteorder|version|\.data/.+|extra/.+"
    r"|data/weights/weight_\d+|data/constants/tensor_\d+"
)


def _plain_archive(records: dict[str, bytes]) -> bytes:
    """Write an archive anew from records that are no pickles: ``torch.export.load`` runs those.

    Args:
        records: Of a ``.pt2`` file.

    Raises:
        ValueError: A record is, or may be, a pickle of anything but plain tensors.
    """
    for name in records:
        if not (name in (*_CONFIGS, _INPUTS) or re.fullmatch(_PLAIN, name)):
            raise ValueError(f"{name} may run code when it is read")
    for name, pattern in _CONFIGS.items():
        table = json.loads(records[name])["config"]
        for key, entry in table.items():
            if entry["use_pickle"] is not False or not re.fullmatch(pattern, entry["path_name"]):
                raise ValueError(f"{key} is stored as a pickle, which may run code")
    try:
        inputs = torch.load(io.BytesIO(records[_INPUTS]), weights_only=True)
    except Exception as error:  # on arbitrary bytes torch's reader ends in any error
        raise ValueError(f"{_INPUTS} is a pickle that may run code") from error
    sample = io.BytesIO()
    torch.save(inputs, sample)
    kept = {name: value for name, value in records.items() if not name.startswith("extra/")}
    return _archive({**kept, _INPUTS: sample.getvalue()})


def _archive(records: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in records.items():
            archive.writestr(f"{_ROOT}/{name}", content)
    return buffer.getvalue()
