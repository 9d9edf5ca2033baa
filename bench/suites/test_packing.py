"""How many image files a second are packed when nothing is in a cache."""

from __future__ import annotations

import hashlib
import os
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from edgessl.data.pack import build_pack

FILES = 600


def forget(paths: list[Path]) -> None:
    """Ask the kernel to drop the files' pages, so that they are read from the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


@pytest.mark.parametrize("size_px", [128, 384])
def test_packing(
    benchmark: BenchmarkFixture,
    clothing10: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size_px: int,
) -> None:
    """600 JPEG files of about 400 px to a new pack of 128 or 384 px, read from the disk."""
    paths = sorted(clothing10.rglob("*.jpg"))[:FILES]
    digests = [hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest() for path in paths]
    turn = count()

    def nothing_cached() -> None:
        forget(paths)
        monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / str(next(turn))))

    pack = benchmark.pedantic(
        lambda: build_pack(paths, digests, size_px), setup=nothing_cached, rounds=3
    )
    assert pack.images.shape == (FILES, 3, size_px, size_px)
    benchmark.extra_info["files_per_s"] = round(FILES / benchmark.stats["median"])
