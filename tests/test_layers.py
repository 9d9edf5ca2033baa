"""Imports point down the drawing of the layers, siblings leave each other alone, and none circle.

An import counts wherever it stands: inside a function and under ``TYPE_CHECKING`` too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import edgessl

LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli", "api"),
    ("pipeline",),
    ("dense",),  # trains, exports and starts with what classification has
    ("train", "evaluate", "export", "bench", "report", "pick", "diagnose", "start"),
    ("methods",),
    ("backbones", "heads", "losses", "views", "data", "schedules", "optim", "metrics", "page"),
    ("checkpoint", "artifact", "runs"),
    ("recipe",),
    ("runtimes",),
    ("json_file", "torch_zip", "cache_folder"),
    ("catalog", "schema", "device", "distributed", "rng", "files", "reporter"),
    ("cores", "process_memory", "child_process", "toml_file", "names"),
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
Imports = dict[str, set[str]]


def test_imports_point_down_and_never_in_a_circle() -> None:
    imports = _imports(PACKAGE)
    assert len(imports) > 50
    wrong = [*_without_a_place(imports), *_breaches(imports), *_circles(imports)]
    face = imports["edgessl"] - {"edgessl.api"}  # for type checkers only
    wrong += [f"edgessl itself imports {other}" for other in sorted(face)]
    assert not wrong, "\n  ".join(["", *wrong])


def test_every_kind_of_breach_is_found(tmp_path: Path) -> None:
    """In a package that has them all."""
    for name, text in {
        "__init__": "",
        "errors": "",
        "rng/__init__": "from edgessl import errors",
        "stray": "import edgessl.errors",
        "methods/dino": "from edgessl.train import loop",
        "train/loop": "from edgessl.export.one import name",
        "export/one": "def late():\n    import edgessl.export.two",
        "export/two": "if TYPE_CHECKING:\n    from edgessl.export.three import name",
        "export/three": "from edgessl.export import one",
    }.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    imports = _imports(tmp_path)
    assert _without_a_place(imports) == ["edgessl.stray has no place in the drawing"]
    assert _breaches(imports) == [
        "edgessl.methods.dino imports edgessl.train.loop, which is above",
        "edgessl.train.loop imports edgessl.export.one, which is beside",
    ]
    assert _circles(imports) == [
        "in a circle: edgessl.export.one, edgessl.export.three, edgessl.export.two"
    ]


def _imports(package: Path) -> Imports:
    """Return, for every module of edgessl in a folder, the modules of edgessl that it names."""
    paths = {
        ".".join(["edgessl", *path.relative_to(package).with_suffix("").parts])
        .removesuffix(".__init__"): path
        for path in sorted(package.rglob("*.py")) if "_catalog" not in path.parts
    }  # fmt: skip
    return {
        module: {name for one in _names(path) for name in _modules(one, paths)} - {module}
        for module, path in paths.items()
    }


def _names(path: Path) -> Iterator[str]:
    """Give every name that a file imports, with its module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _modules(name: str, known: dict[str, Path]) -> Iterator[str]:
    """Give the module that a dotted name is, or is in; none for those of others."""
    while name not in known and "." in name:
        name = name.rpartition(".")[0]
    if name in known and name != "edgessl":
        yield name


def _part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _without_a_place(imports: Imports) -> list[str]:
    strange = [module for module in imports if _part(module) not in {"", *ROW}]
    return [f"{module} has no place in the drawing" for module in strange]


def _breaches(imports: Imports) -> list[str]:
    found = []
    for module, imported in imports.items():
        part = _part(module)
        for other in sorted(imported):
            pair = (part, _part(other))
            if not ROW.keys() >= set(pair) or part == pair[1] or pair in ALLOWED_SIBLINGS:
                continue
            if ROW[pair[1]] <= ROW[part]:
                where = "above" if ROW[pair[1]] < ROW[part] else "beside"
                found.append(f"{module} imports {other}, which is {where}")
    return found


def _circles(imports: Imports) -> list[str]:
    """Return one sentence for every largest group of modules that all reach each other."""
    reached = {module: _reachable(module, imports) for module in imports}
    groups = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in imports if module in reached[module]
    }  # fmt: skip
    return [f"in a circle: {', '.join(group)}" for group in sorted(groups)]


def _reachable(start: str, imports: Imports) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = imports[ahead.pop()] - found
        found |= new
        ahead += new
    return found
