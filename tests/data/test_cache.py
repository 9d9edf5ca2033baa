"""The cache is where it is asked to be, shows its size, and clears only what is its own."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from pictures import save

from edgessl.data.cache import appearing, cache_root, cache_sizes, clear_cache
from edgessl.data.load import list_source
from edgessl.data.verify import verify
from edgessl.errors import UserError
from edgessl.export.gates import structure
from edgessl.files import expanded


def test_edgessl_cache_comes_first_then_xdg_then_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "own"))
    assert cache_root() == tmp_path / "own"
    monkeypatch.delenv("EDGESSL_CACHE")
    assert cache_root() == tmp_path / "xdg" / "edgessl"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == tmp_path / "home" / ".cache" / "edgessl"


def test_clearing_frees_what_was_shown_and_leaves_other_files(tmp_path: Path, cache: Path) -> None:
    verify([save(tmp_path / "a.png", seed=1)])
    (cache / "thesis.txt").write_text("keep me")
    total = sum(cache_sizes().values())
    assert total > 0
    assert clear_cache() == total
    assert [path.name for path in cache.iterdir()] == ["thesis.txt"]


def test_a_missing_cache_is_empty() -> None:
    assert set(cache_sizes().values()) == {0}
    assert clear_cache() == 0


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with appearing(tmp_path / "x") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_process_made_meanwhile_is_kept(tmp_path: Path) -> None:
    with appearing(tmp_path / "x") as temporary:
        temporary.mkdir()
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "theirs").touch()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_full_disk_is_the_user_s_to_solve(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No space left"), appearing(tmp_path / "x"):
        raise OSError(28, "No space left on device")


def test_two_makers_with_one_process_number_do_not_meet(cache: Path) -> None:
    """As containers have them that share a cache."""
    place = cache / "sets" / "pets"
    with appearing(place) as one:
        one.mkdir()
        (one / "a").write_text("whole")
        with appearing(place) as other:
            other.mkdir()
            (other / "a").write_text("whole")
        assert (one / "a").exists()
    assert [path.name for path in place.parent.iterdir()] == ["pets"]
    with appearing(cache / "bench.json") as one:
        one.write_text("1")
        with appearing(cache / "bench.json") as other:
            other.write_text("2")
    assert (cache / "bench.json").read_text() == "1"


def test_only_old_leftovers_are_removed(cache: Path) -> None:
    old, new = (cache / "sets" / f".pets.{name}.tmp" for name in ("0" * 16, "1" * 16))
    for path in (old, new):
        path.mkdir(parents=True)
    os.utime(old, (1, 1))
    with appearing(cache / "sets" / "pets") as made:
        made.mkdir()
    assert not old.exists()
    assert new.exists()


def test_a_user_without_a_home_is_told_of_edgessl_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers run under user ids that no machine knows."""

    def unknown(*_arguments: object) -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME", "EDGESSL_CACHE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=r"cache: must have a place.*; set EDGESSL_CACHE to a fol"):
        cache_root()
    assert expanded("~/x") == Path("~/x")
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    assert all(folder.is_absolute() for folder in structure._folders())


def test_a_tilde_of_nobody_is_a_plain_name() -> None:
    assert expanded("~nobody-of-that-name/x") == Path("~nobody-of-that-name/x")
    with pytest.raises(UserError, match="~nobody-of-that-name"):
        list_source("~nobody-of-that-name/x")
