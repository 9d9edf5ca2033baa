"""What pyproject requires is what the package imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

import edgessl

PACKAGE = Path(edgessl.__file__).parent
PYPROJECT = PACKAGE.parent / "pyproject.toml"
MODULES = {"pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn", "tomli-w": "tomli_w"}
"""Distribution -> module, where the names differ."""
NEEDED_BY_OTHERS = {"onnxscript"}  # torch.onnx imports it


def _required() -> set[str]:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=~!\[; ]", line)[0] for line in project["dependencies"]}
    return {MODULES.get(name, name) for name in names - NEEDED_BY_OTHERS}


def _imported() -> set[str]:
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if "_catalog" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"edgessl"}


@pytest.mark.skipif(not PYPROJECT.is_file(), reason="an installed wheel has no pyproject.toml")
def test_what_is_required_is_imported_and_what_is_imported_is_required() -> None:
    assert _required() == _imported()


@pytest.mark.skipif(not PYPROJECT.is_file(), reason="an installed wheel has no pyproject.toml")
def test_types_are_excused_for_required_modules_only() -> None:
    tool = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]
    excused = {name.removesuffix(".*") for part in tool["mypy"]["overrides"]
               for name in part["module"]}  # fmt: skip
    assert excused <= _required()
