"""Checkpoints: tensors and plain values in one file, written whole or not at all."""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgessl.errors import UserError
from edgessl.files import atomic_path, not_writable
from edgessl.torch_zip import plain_members

FORMAT = "edgessl.checkpoint"
VERSION = 1
_ZIP = b"PK\3\4"
_BLOCK = 2**20  # bytes


class Damaged(ValueError):
    """A file was changed after it was written."""


def save(path: Path, payload: dict[str, Any]) -> None:
    """Write a checkpoint of tensors, numbers, strings, lists and dicts.

    Args:
        path: Where to write it.
        payload: Its content; the keys ``format`` and ``version`` are added.

    Raises:
        UserError: The file cannot be written.
    """
    with atomic_path(path) as temporary:
        try:
            # To an open file, because torch writes the name of a path into the file: the same
            # content shall give the same bytes.
            with temporary.open("wb") as file:
                torch.save({"format": FORMAT, "version": VERSION, **payload}, file)
        except RuntimeError as error:
            # torch.save reports a failed write as an error of its zip writer.
            raise not_writable(path, "the disk may be full") from error


def read_tensors(path: Path) -> Any:
    """Read any file of ``torch.save`` on the CPU, without running any code from it.

    Args:
        path: The file.

    Raises:
        Damaged: Part of it was changed after it was written.
        ValueError: It is no such file, or holds more than tensors and plain values.
    """
    with path.open("rb") as file:
        zipped = file.read(len(_ZIP)) == _ZIP
    if zipped:  # files of a PyTorch before 1.6 are none, and have no checksums
        _check_sums(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        # On arbitrary bytes torch's reader ends in any of ten errors: struct.error, IndexError, …
        raise ValueError(f"{path} is no file of torch.save") from error


def not_finite(weights: Mapping[str, Tensor]) -> str:
    """Return the name of the first tensor that has others than finite numbers; empty if none has.

    Args:
        weights: Tensors by name.
    """
    for key, value in weights.items():
        try:
            if value.is_floating_point() and value.element_size() < 2:
                value = value.float()  # what is asked next is not made for 8 bits
            finite = bool(torch.isfinite(value).all())
        except RuntimeError:  # no plain tensor: sparse, quantised, or without content
            finite = False
        if not finite:
            return key
    return ""


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Return what a checkpoint keeps of a network: every tensor on the CPU, floats in float32."""
    return {
        key: value.detach().to("cpu", torch.float32 if value.is_floating_point() else None)
        for key, value in module.state_dict().items()
    }


def fill(module: nn.Module, weights: Any, where: str, what: str) -> None:
    """Load the weights of a checkpoint into a network, with no key missing.

    Args:
        module: Gets them.
        weights: Tensors by name.
        where: The file's name, for the message.
        what: The network, in words.

    Raises:
        UserError: They are others, or one is not finite.
    """
    try:
        module.load_state_dict(weights or {}, strict=True)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise UserError(
            f"{where}: must hold every tensor of its {what}, got others; pass a file that a run of "
            "edgessl wrote"
        ) from error
    if key := not_finite(module.state_dict()):
        raise UserError(
            f"{where}: must hold finite weights, got others in {key}; pass a checkpoint of a run "
            "that did not diverge"
        )


def refuse_missing(path: Path) -> None:
    """Refuse a path at which no file lies.

    Args:
        path: Of a checkpoint.

    Raises:
        UserError: Nothing lies there, or a folder.
    """
    if path.is_dir():
        raise UserError(
            f"{path}: must be a checkpoint file, got a folder; name a file in it, such as ckpt.pt "
            "or pretrained.pt"
        )
    if not path.is_file():
        raise UserError(f"{path}: must be a checkpoint file, found none; check the path")


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU, without running any code from it.

    Args:
        path: A file that ``save`` wrote.

    Raises:
        UserError: The file is missing, is no checkpoint, or comes from a newer edgessl.
    """
    refuse_missing(path)
    wrong = f"{path}: must be a checkpoint written by edgessl, got something else; "
    try:
        payload = read_tensors(path)
    except ValueError as error:
        raise UserError(wrong + "pass the ckpt.pt of a run folder") from error
    if not isinstance(payload, dict) or payload.get("format") != FORMAT:
        raise UserError(wrong + "pass the ckpt.pt of a run folder")
    version = payload.get("version")
    if not isinstance(version, int):
        raise UserError(wrong + "pass the ckpt.pt of a run folder")
    if version > VERSION:
        raise UserError(
            f"{path}: must have checkpoint version <= {VERSION}, got {version}; "
            "update edgessl"
        )
    return payload


def _check_sums(path: Path) -> None:
    """Compare every record with its checksum, which ``torch.load`` does not.

    Args:
        path: The file.

    Raises:
        Damaged: A record was changed after it was written, or the file is no such archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for info in plain_members(archive):
                with archive.open(info) as member:
                    while member.read(_BLOCK):  # compares the checksum at its end
                        pass
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # EINVAL: a bad offset
            raise
        raise Damaged(f"{path} is a damaged archive: {error}") from error
