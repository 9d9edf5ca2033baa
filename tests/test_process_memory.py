"""Memory is told in MB wherever the numbers come from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgessl.process_memory import peak_mb, resident_mb

resource = pytest.importorskip("resource")


def test_linux_says_it_in_kib(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tx\nVmHWM:\t 2000000 kB\nVmRSS:\t 1000000 kB\n")
    assert peak_mb(status) == pytest.approx(2048)
    assert resident_mb(status) == pytest.approx(1024)


@pytest.mark.parametrize(("system", "peak"), [("darwin", 2_048_000_000), ("freebsd", 2_000_000)])
def test_elsewhere_the_usage_counts_bytes_on_macos_and_kib_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, peak: int
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(resource, "getrusage", lambda _who: SimpleNamespace(ru_maxrss=peak))
    assert peak_mb(tmp_path / "none") == pytest.approx(2048)
    assert resident_mb(tmp_path / "none") is None


def test_without_either_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_mb(tmp_path / "none") is None


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="Linux only")
def test_the_peak_of_a_child_is_its_own_and_not_its_parent_s() -> None:
    parent = bytearray(b"x" * 300_000_000)
    code = "from edgessl.process_memory import peak_mb; print(peak_mb())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert len(parent) / 1e6 > 300 - 1
    assert 1 < float(done.stdout) < 150
