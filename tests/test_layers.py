"""Imports point down the drawing of the layers, and siblings of one row leave each other alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import edgessl

LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("pipeline",),
    ("train", "evaluate", "export", "bench", "report", "start"),
    ("methods",),
    ("backbones", "heads", "losses", "views", "data", "schedules", "optim", "metrics", "page"),
    ("checkpoint", "artifact", "runs"),
    ("recipe",),
    ("catalog", "schema", "device", "distributed", "rng", "files", "reporter"),
    ("cores", "process_memory", "toml_file"),
    ("control_groups", "errors"),
)
"""From the top; a part may import parts of lower rows only."""

ALLOWED_SIBLINGS = {
    ("optim", "schedules"),  # an optimiser's values are a function of the clock
    ("runs", "checkpoint"),  # states of a run are checkpoints
}
"""Pairs (importer, imported) of one row that the drawing lets pass, each with its reason."""

ROW = {part: row for row, parts in enumerate(LAYERS) for part in parts}
PACKAGE = Path(edgessl.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_catalog" not in path.parts)


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported_parts(path: Path) -> set[str]:
    """Return the parts of edgessl that a file imports anywhere, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("edgessl.")}
    return found & ROW.keys()


def test_there_are_files_to_look_at_and_each_has_a_place_in_the_drawing() -> None:
    assert len(FILES) > 50
    assert {_part(path) for path in FILES} - {"__init__"} <= ROW.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    part = _part(path)
    row = ROW.get(part, -1)  # edgessl/__init__.py stands above all
    for imported in _imported_parts(path) - {part}:
        below = ROW[imported] > row
        assert below or (part, imported) in ALLOWED_SIBLINGS, f"{part} imports {imported}"


def test_importing_the_package_alone_imports_no_part_of_it() -> None:
    assert not _imported_parts(PACKAGE / "__init__.py")
