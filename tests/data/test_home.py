"""Pixels live in the fastest place that they fit into, and a sentence says where."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgessl.data.home import (
    Home,
    available_ram_bytes,
    choose_home,
    describe_home,
    pack_limit_bytes,
)
from edgessl.errors import UserError

GB = 10**9


@pytest.mark.parametrize(
    ("pack_gb", "gpu_gb", "processes", "expected"),
    [
        (1.0, None, 1, "ram"),
        (4.0, None, 1, "ram"),  # half of 8
        (4.1, None, 1, "disk"),
        (4.0, None, 2, "disk"),  # each process would hold its own
        (50.0, None, 1, "disk"),
        (50.1, None, 1, "files"),
        (4.0, 16, 1, "gpu"),  # a quarter of 16
        (4.0, 15, 1, "ram"),
        (5.0, 15, 1, "disk"),
        (50.1, 1000, 1, "files"),  # a pack is copied to the GPU, so it must be made first
    ],
)
def test_the_fastest_place_that_fits(
    pack_gb: float, gpu_gb: float | None, processes: int, expected: Home
) -> None:
    found = choose_home(
        int(pack_gb * GB), disk_bytes=50 * GB, ram_bytes=8 * GB,
        gpu_bytes=None if gpu_gb is None else int(gpu_gb * GB), processes=processes,
    )
    assert found == expected


@pytest.mark.parametrize(
    ("home", "sentence"),
    [
        ("gpu", "The pack (all images at 128 px, 83 MB) is kept on the GPU."),
        ("ram", "The pack (all images at 128 px, 83 MB) is kept in RAM."),
        ("disk", "The pack (all images at 128 px, 83 MB) is read from disk while training."),
        ("files", "A pack (128 px, 83 MB) is more than the cache may hold (EDGESSL_PACK_LIMIT_GB, "
                  "free disk), so images are decoded anew in every epoch."),
    ],
)
def test_one_sentence_says_where(home: Home, sentence: str) -> None:
    assert describe_home(home, 128, 83_400_000) == sentence


def test_large_packs_are_told_in_gigabytes() -> None:
    told = describe_home("ram", 384, 2_260_000_000)
    assert told.startswith("The pack (all images at 384 px, 2.3 GB)")


def test_the_free_disk_limits_a_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGESSL_PACK_LIMIT_GB", raising=False)
    assert 0 < pack_limit_bytes(tmp_path) < shutil.disk_usage(tmp_path).free
    there = shutil.disk_usage(tmp_path).total
    assert pack_limit_bytes(tmp_path, there) >= min(there, 200 * GB)


def test_the_environment_limits_a_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESSL_PACK_LIMIT_GB", "0.5")
    assert pack_limit_bytes(tmp_path) == GB // 2
    monkeypatch.setenv("EDGESSL_PACK_LIMIT_GB", "0")
    assert pack_limit_bytes(tmp_path, there_bytes=GB) == 0


@pytest.mark.parametrize("text", ["-1", "much", "nan"])
def test_a_limit_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("EDGESSL_PACK_LIMIT_GB", text)
    with pytest.raises(UserError, match=f"EDGESSL_PACK_LIMIT_GB: must be .* got '{text}'"):
        pack_limit_bytes(tmp_path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _machine(root: Path, available_kb: int) -> Path:
    _write(root / "proc/meminfo", f"MemTotal: 99999999 kB\nMemAvailable: {available_kb} kB\n")
    return root


def test_without_groups_all_that_is_available_is_left(tmp_path: Path) -> None:
    assert available_ram_bytes(_machine(tmp_path, 4000)) == 4_096_000


def test_the_tightest_group_around_the_process_counts(tmp_path: Path) -> None:
    root = _machine(tmp_path, 4000)
    _write(root / "proc/self/cgroup", "0::/job/step\n")
    group = root / "sys/fs/cgroup"
    _write(group / "job/memory.max", "3000000\n")
    _write(group / "job/memory.current", "2500000\n")
    _write(group / "job/memory.stat", "anon 1\ninactive_file 400000\nactive_file 100000\n")
    _write(group / "job/step/memory.max", "max\n")
    _write(group / "job/step/memory.current", "2000000\n")
    assert available_ram_bytes(root) == 1_000_000


def test_groups_of_the_first_kind_count_too(tmp_path: Path) -> None:
    root = _machine(tmp_path, 4000)
    _write(root / "proc/self/cgroup", "5:cpu:/x\n4:memory:/box\n0::/\n")
    group = root / "sys/fs/cgroup/memory"
    _write(group / "memory.limit_in_bytes", "9223372036854771712\n")
    _write(group / "memory.usage_in_bytes", "123\n")
    _write(group / "box/memory.limit_in_bytes", "2000000\n")
    _write(group / "box/memory.usage_in_bytes", "1900000\n")
    _write(group / "box/memory.stat", "total_inactive_file 50000\ntotal_active_file 0\n")
    assert available_ram_bytes(root) == 150_000


def test_this_machine_has_some_memory_left() -> None:
    assert 2**20 < available_ram_bytes() < 2**50
