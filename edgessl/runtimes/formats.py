"""The formats that runtimes of devices read: how their files are named, and who runs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DeviceFormat:
    """One format.

    Attributes:
        name: What edgessl calls it.
        title: What its makers call the runtime.
        environment: The environment in ``export/environments/`` that has the runtime.
        companions: Suffixes of the files that belong to the model, under the same name.
    """

    name: str
    title: str
    environment: str
    companions: tuple[str, ...] = ()


DEVICE_FORMATS = {
    ".xml": DeviceFormat("openvino", "OpenVINO", "openvino", (".bin",)),
    ".param": DeviceFormat("ncnn", "NCNN", "ncnn", (".bin", ".json")),
    ".tflite": DeviceFormat("litert", "LiteRT", "litert"),
    ".pte": DeviceFormat("executorch", "ExecuTorch", "executorch"),
}
"""Suffix of a model -> its format."""
COMPANIONS_WITHOUT_METADATA = {".xml": (".bin",), ".param": (".bin",)}
"""Suffix of a model -> those of the files that its converter makes beside it."""


def companions_of(path: Path) -> tuple[Path, ...]:
    """Return the files that belong to a model and must lie beside it.

    Args:
        path: The model; none of them need exist.
    """
    known = DEVICE_FORMATS.get(path.suffix.lower())
    return tuple(path.with_suffix(suffix) for suffix in known.companions) if known else ()


def size_in_bytes(path: Path) -> int:
    """Return the size of a model with the files that belong to it.

    Args:
        path: The model.
    """
    return sum(part.stat().st_size for part in (path, *companions_of(path)) if part.is_file())
