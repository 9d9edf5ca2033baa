"""What ``bench/`` imports is there: CI does not run the suites, so a moved name would go unseen."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
OPTIONAL = {"lightly_train", "pytest_benchmark"}
"""Installed for ``bench/`` only."""


def test_every_import_of_the_bench_folder_resolves(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("peers", "suites", "gpu"):
        monkeypatch.syspath_prepend(str(BENCH / folder))
    missing, files = [], [*BENCH.rglob("*.py")]
    assert len(files) > 20
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                wanted = [(alias.name, "") for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                wanted = [(node.module or "", alias.name) for alias in node.names]
            else:
                continue
            missing += [f"{path.name}: {module} {name}" for module, name in wanted
                        if not _is_there(module, name)]  # fmt: skip
    assert not missing, "\n  ".join(["", *missing])


def _is_there(module: str, name: str) -> bool:
    first = module.partition(".")[0]
    if first in OPTIONAL or first == "__future__":
        return True
    if first != "edgessl":
        return find_spec(first) is not None
    if find_spec(module) is None:
        return False
    has = hasattr(import_module(module), name)
    return not name or has or find_spec(f"{module}.{name}") is not None
