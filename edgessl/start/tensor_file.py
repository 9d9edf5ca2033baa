"""The tensors of a file of weights, by where in it they lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from edgessl import checkpoint
from edgessl.errors import UserError
from edgessl.start import safetensors_file

SOURCES = "'none', 'imagenet', 'timm:NAME' or a file"
"""What ``--init`` may say, for messages."""
_DEEPEST = 6  # dicts in dicts
_WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What torch puts into names anywhere when it compiles, shards or checkpoints a module."""
_OPTIMISERS = ("optim", "sched", "scaler")


@dataclass(frozen=True, slots=True)
class TensorFile:
    """What a file of weights holds.

    Attributes:
        tensors: By their dotted names: ``state_dict.module.conv1.weight`` lies in the dict
            ``state_dict``. What optimisers keep is left out.
        about: What it says about the network, if edgessl wrote it; else empty.
    """

    tensors: dict[str, Tensor]
    about: dict[str, Any]


def read_weights(path: Path, option: str) -> dict[str, Tensor]:
    """Read the tensors of a file, as ``read_file`` does.

    Args:
        path: As there.
        option: As there.
    """
    return read_file(path, option).tensors


def read_file(path: Path, option: str) -> TensorFile:
    """Read all tensors of a file, however deep they lie.

    Args:
        path: A ``.safetensors`` or torch file; of a checkpoint of edgessl, the network's.
        option: What the user passed it to, for messages; empty if it is an argument.

    Raises:
        UserError: It is neither, it is damaged, or a weight is not finite.
    """
    where = f"{option} {path}".strip()
    if not path.is_file():
        known = SOURCES if option == "--init" else "a file"
        raise UserError(f"{where}: must be {known}, found none")
    about: dict[str, Any] = {}
    payload: Mapping[Any, Any]
    if path.suffix == ".safetensors":
        try:
            payload, about = safetensors_file.read(path)
        except ValueError as error:
            raise UserError(f"{where}: must be a safetensors file, got {error}") from error
    else:
        payload = _read_torch_file(path, where)
        if payload.get("format") == checkpoint.FORMAT:
            about, payload = payload, _of_network(payload.get("weights"))
    if not isinstance(payload, Mapping):
        raise UserError(f"{where}: must hold a dict of tensors; pass a state_dict")
    return TensorFile(refuse_not_finite(dict(_flat(payload, "", 0)), where), about)


def refuse_not_finite(weights: dict[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return weights as they are, if all are finite.

    Args:
        weights: Tensors by name.
        where: What to name in a message.

    Raises:
        UserError: One is not.
    """
    if key := checkpoint.not_finite(weights):
        raise UserError(
            f"{where}: must hold finite weights, got others in {key}; "
            "pass weights of a run that did not diverge"
        )
    return weights


def _read_torch_file(path: Path, where: str) -> dict[Any, Any]:
    try:
        payload = checkpoint.read_tensors(path)
    except checkpoint.Damaged as error:
        raise UserError(
            f"{where}: must be whole, got a damaged file: its content does not match its "
            "checksum; copy or download it again"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{where}: must hold plain weights (safetensors, or a torch file that loads "
            "with weights_only=True), got something else"
        ) from error
    if not isinstance(payload, dict):
        raise UserError(f"{where}: must hold a dict of tensors; pass a state_dict")
    return payload


def _of_network(weights: object) -> dict[str, Any]:
    """Return a checkpoint's weights by the names of the network in its backbone."""
    if not isinstance(weights, Mapping):
        return {}
    return {
        str(key).removeprefix("backbone.").removeprefix("net."): value
        for key, value in weights.items()
    }


def _flat(values: Mapping[Any, Any], place: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    for key, value in values.items():
        name = f"{place}{key}"
        if isinstance(value, Tensor):
            yield _unwrapped(name), value
        elif isinstance(value, Mapping) and depth < _DEEPEST and not _of_optimiser(str(key)):
            yield from _flat(value, f"{name}.", depth + 1)


def _unwrapped(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _of_optimiser(key: str) -> bool:
    return any(word in key.lower() for word in _OPTIMISERS)
