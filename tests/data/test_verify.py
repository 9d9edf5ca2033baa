"""What is known of a file is remembered until it changes, whatever happens to the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pictures import save

from edgessl.data.verify import verify
from edgessl.errors import UserError


def test_size_and_digest_of_an_upright_image(tmp_path: Path) -> None:
    (found,) = verify([save(tmp_path / "a.png", seed=1, size=(30, 20))])
    assert (found.height, found.width, found.reason) == (20, 30, "")
    assert len(found.digest) == 40


def test_a_scaled_down_jpeg_keeps_its_original_size(tmp_path: Path) -> None:
    (found,) = verify([save(tmp_path / "a.jpg", seed=1, size=(640, 480))])
    assert (found.height, found.width) == (480, 640)


def test_a_missing_file_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert verify([path])[0].reason == "missing, or not a file"
    save(path, seed=1)
    assert verify([path])[0].reason == ""


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", seed=1)
    (before,) = verify([path])
    save(path, seed=2)
    os.utime(path, ns=(1, 1))
    assert verify([path])[0].digest != before.digest


def test_a_damaged_memory_is_started_over(tmp_path: Path, cache: Path) -> None:
    path = save(tmp_path / "a.png", seed=1)
    first = verify([path])
    (cache / "verified.sqlite").write_bytes(b"nonsense" * 1000)
    assert verify([path]) == first


def test_a_cache_that_cannot_be_made_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match=r"cache must be writable.*EDGESSL_CACHE"):
        verify([tmp_path / "a.png"])
