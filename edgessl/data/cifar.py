"""CIFAR-10 and CIFAR-100: pickled arrays, unpacked once to PNG files in the cache."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.data.cache import appearing, cache_part
from edgessl.data.dataset import Entry
from edgessl.data.folders import list_folder
from edgessl.data.png import encode_png

_BATCHES_10 = {
    "train": tuple(f"data_batch_{i}" for i in range(1, 6)),
    "test": ("test_batch",),
}
_BATCHES_100 = {"train": ("train",), "test": ("test",)}

_HARMLESS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Reads plain values and arrays; runs nothing else that a pickle may ask for."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        return super().find_class(module, name)


def read_cifar10(base: Path) -> list[Entry]:
    """Read CIFAR-10: ``data_batch_1`` to ``5``, ``test_batch``, ``batches.meta``."""
    return _read(base, _BATCHES_10, meta="batches.meta", names="label_names", key="labels")


def read_cifar100(base: Path) -> list[Entry]:
    """Read CIFAR-100 with its 100 fine labels: ``train``, ``test``, ``meta``."""
    return _read(base, _BATCHES_100, meta="meta", names="fine_label_names", key="fine_labels")


def _read(
    base: Path, batches: Mapping[str, tuple[str, ...]], *, meta: str, names: str, key: str
) -> list[Entry]:
    files = [base / name for part in batches.values() for name in part]
    folder = cache_part("sets") / "unpacked" / f"{base.name}-{_state(files)}"
    if not folder.is_dir():
        classes = _load(base / meta)[names]
        if wrong := [name for name in classes if not _is_plain(name)]:
            raise pickle.UnpicklingError(f"has {wrong[0]!a} for a class")
        with appearing(folder) as temporary:
            for split, part in batches.items():
                _unpack(temporary / split, classes, _images((base / n for n in part), key))
    return list(list_folder(folder).entries)


def _is_plain(name: object) -> bool:
    """Say whether a class may name a folder."""
    return isinstance(name, str) and bool(re.fullmatch(r"[\w-][\w .-]*", name))


def _images(files: Iterator[Path], key: str) -> Iterator[tuple[NDArray[np.uint8], int]]:
    for file in files:
        batch = _load(file)
        planes = np.asarray(batch["data"], np.uint8).reshape(-1, 3, 32, 32)
        yield from zip(planes.transpose(0, 2, 3, 1), batch[key], strict=True)


def _unpack(
    folder: Path, classes: list[str], images: Iterator[tuple[NDArray[np.uint8], int]]
) -> None:
    for name in classes:
        (folder / name).mkdir(parents=True)
    for number, (pixels, label) in enumerate(images):
        (folder / classes[label] / f"{number:05d}.png").write_bytes(encode_png(pixels))


def _load(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        content = _ArrayUnpickler(stream, encoding="latin1").load()
    if not isinstance(content, dict):
        raise pickle.UnpicklingError("holds no dictionary")
    return content


def _state(files: list[Path]) -> str:
    status = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha1(repr(status).encode(), usedforsecurity=False).hexdigest()[:12]
