"""Environments for converters are declared whole, keyed by content, and refused in one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgessl import catalog
from edgessl.errors import EdgesslError, UserError
from edgessl.runtimes import environment as module
from edgessl.runtimes.environment import (
    Environment,
    cannot_make,
    is_installed,
    place_of,
    python_for,
    read_environment,
)

NONE = Environment(
    about="a test", module="no_such_module_here", package="no-such-package-here",
    python=">=3.11", size_mb=1, minutes=0.1,
)  # fmt: skip


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``NONE`` under the name ``none``, and an empty cache."""
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "read_environment", lambda _name: NONE)


def test_every_declared_one_is_pinned_and_reads() -> None:
    names = list(catalog.entries("environments"))
    assert names
    for name in names:
        found = read_environment(name)
        pinned = [*found.requirements, *found.alone]
        assert any("==" in one and one.startswith(found.package) for one in pinned), name


def test_another_content_lies_elsewhere() -> None:
    other = NONE.model_copy(update={"requirements": ("a==1",)})
    assert place_of("none", NONE) != place_of("none", other)
    assert place_of("none", NONE) == place_of("none", NONE.model_copy())


def test_what_is_installed_here_is_used_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = NONE.model_copy(update={"module": "numpy", "package": "numpy"})
    assert is_installed(installed)
    monkeypatch.setattr(module, "read_environment", lambda _name: installed)
    assert python_for("any", print) == Path(sys.executable)


@pytest.mark.usefixtures("declared")
def test_offline_refuses_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESSL_OFFLINE", "1")
    with pytest.raises(UserError, match=r"none: must have no-such-package-here, .* --offline"):
        python_for("none", print)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"python": "<3"}, "made for Python <3, this is"),
        ({"borrows": {"numpy": "<0.1"}}, "works with numpy <0.1, here is"),
        ({"borrows": {"no-such-package": ">=1"}}, "works with no-such-package >=1, here is None"),
    ],
)
def test_it_says_why_it_cannot_be_made(change: dict[str, object], reason: str) -> None:
    assert cannot_make("none", NONE) == ""
    assert reason in cannot_make("none", NONE.model_copy(update=change))


@pytest.mark.usefixtures("declared")
def test_size_and_time_are_said_before_and_nothing_is_left_of_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    monkeypatch.setenv("PATH", "")  # no uv
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python-here"))
    with pytest.raises(EdgesslError, match="none: its environment could not be made"):
        python_for("none", said.append)
    assert "about 1 MB, 0.1 min, once, in" in said[0]
    assert not [path for path in tmp_path.rglob("*") if path.is_dir() and "none-" in path.name]


@pytest.mark.slow
@pytest.mark.usefixtures("declared")
def test_one_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without packages, so without a network."""
    empty = NONE.model_copy(update={"module": "json"})
    monkeypatch.setattr(module, "read_environment", lambda _name: empty)
    said: list[str] = []
    python = python_for("none", said.append)
    assert python.is_file()
    assert python != Path(sys.executable)
    assert python_for("none", said.append) == python
    assert len(said) == 1
