"""A method is listed in one line, and nobody but its own module knows it by name."""

from __future__ import annotations

import ast
from pathlib import Path
from pkgutil import resolve_name
from typing import get_args

import pytest

import edgessl
from edgessl.methods.method import PretrainingMethod
from edgessl.recipe.method_tables import METHODS, MethodTable, table_of

PACKAGE = Path(edgessl.__file__).parent


@pytest.mark.parametrize("name", METHODS)
def test_the_line_leads_to_its_table_and_to_its_module(name: str) -> None:
    table = table_of(name)
    assert issubclass(table, MethodTable)
    assert get_args(table.model_fields["name"].annotation) == (name,)
    module = resolve_name(f"edgessl.methods.{name}:{METHODS[name]}")
    assert issubclass(module, PretrainingMethod)
    assert not module.__abstractmethods__


@pytest.mark.parametrize("name", METHODS)
def test_a_table_of_defaults_answers_for_its_method(name: str) -> None:
    table = table_of(name)(name=name)
    hidden = bool(table.hidden_layers(96).widths)
    assert hidden == (table.fewest_views() == 2)  # what compares two views does it behind a head
    assert table.fewest_views() in (1, 2)
    assert all(isinstance(getattr(table, key), int) for key in table.batch_parts())
    assert all(isinstance(one, str) for one in table.advice("collapsed"))
    assert table.refuses_start() == ""


def _imports(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_only_a_methods_module_imports_its_table_and_nothing_imports_its_module() -> None:
    own = {f"edgessl.{room}.{name}" for name in METHODS for room in
           ("methods", "recipe.method_tables")}  # fmt: skip
    found = {
        (path.relative_to(PACKAGE).as_posix(), module)
        for path in PACKAGE.rglob("*.py") for module in _imports(path) & own
    }  # fmt: skip
    assert found == {
        (f"methods/{name}.py", f"edgessl.recipe.method_tables.{name}") for name in METHODS
    }
