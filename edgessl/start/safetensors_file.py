"""Safetensors files: written the same to the bit every time, and read against their checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from torch import Tensor

from edgessl.files import atomic_path

CHECKSUM = "edgessl_sha256"
"""Key of the metadata with the SHA-256 of all else that a file of ours holds."""
_ABOUT = "__metadata__"
_ALIGN = 8


def save(path: Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and texts; the same ones give the same bytes.

    Args:
        path: Where to write it.
        weights: Tensors by name.
        metadata: Texts by name; a checksum among them is replaced.

    Raises:
        UserError: The file cannot be written.
    """
    from safetensors.torch import save as to_bytes

    # Without metadata, which safetensors stores in a random order.
    plain = to_bytes({key: value.detach().cpu().contiguous() for key, value in weights.items()})
    header, data = _split(plain)
    about = {key: metadata[key] for key in sorted(metadata) if key != CHECKSUM}
    digest = _digest({**header, _ABOUT: about}, data)
    text = _json({_ABOUT: {**about, CHECKSUM: digest}, **header})
    text += b" " * (-len(text) % _ALIGN)
    with atomic_path(path) as temporary:
        temporary.write_bytes(len(text).to_bytes(8, "little") + text + data)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and texts.

    Args:
        path: A safetensors file, ours or another's.

    Raises:
        ValueError: It is none, or it has a checksum of ours and was changed after it was written.
    """
    from safetensors.torch import load as from_bytes

    content = path.read_bytes()
    try:
        weights = from_bytes(content)
        header, data = _split(content)
        about: dict[str, str] = header.get(_ABOUT, {})
        checksum = about.pop(CHECKSUM, None)
    except MemoryError:
        raise
    except Exception as error:  # of safetensors, or KeyError for a number format torch lacks
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error
    # A key that is nearly that of the checksum was it once.
    lost = checksum is None and get_close_matches(CHECKSUM, about, n=1, cutoff=0.8)
    if lost or (checksum is not None and checksum != _digest({**header, _ABOUT: about}, data)):
        raise ValueError("a damaged one: its content does not match its checksum")
    return weights, about


def _split(content: bytes) -> tuple[dict[str, Any], memoryview]:
    """Return the table of a file, and the bytes of its tensors."""
    end = 8 + int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8:end])
    return header, memoryview(content)[end:]


def _digest(header: Mapping[str, Any], data: memoryview) -> str:
    hasher = hashlib.sha256(_json(header, ordered=True))
    hasher.update(data)
    return hasher.hexdigest()


def _json(values: Mapping[str, Any], *, ordered: bool = False) -> bytes:
    text = json.dumps(values, sort_keys=ordered, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")
