"""Finds the declared files (recipes, export targets, bench devices) in a clone or in a wheel."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from edgessl.errors import UserError

FOLDERS = {
    "recipes": "recipes", "studies": "recipes", "transfers": "recipes",
    "detectors": "recipes/detectors",
    "segmenters": "recipes/segmenters", "targets": "export/targets", "devices": "bench/devices",
    "environments": "export/environments",
}  # fmt: skip
"""Kind of entry -> the folder, relative to the catalogue root, whose TOML files declare it."""
APART = frozenset({"detectors", "segmenters"})
"""Kinds of entries that lie in a folder of another kind, and are none of its own."""

STUDIES = "studies"
"""The folder beside a paper's recipes with its tables and figures; its files are no recipes."""
TRANSFER = "transfer"
"""The folder beside a paper's recipes with what it judges backbones by: detectors, segmenters."""
_INSIDE = {"studies": STUDIES, "transfers": TRANSFER}


def root() -> Path:
    """Return the folder that holds ``recipes/``, ``export/`` and ``bench/``."""
    package = Path(__file__).resolve().parent
    shipped = package / "_catalog"
    return shipped if shipped.is_dir() else package.parent


def source_of(recipe: Path) -> str | None:
    """Return the folder that a recipe of the catalogue lies in; None for a file anywhere else.

    Args:
        recipe: Its TOML file.
    """
    path, folder = recipe.resolve(), (root() / FOLDERS["recipes"]).resolve()
    return path.relative_to(folder).parts[0] if folder in path.parent.parents else None


def title_of(source: str) -> str:
    """Return what a folder of recipes is, from the heading of its README; empty if it has none.

    Args:
        source: The folder's name.
    """
    readme = root() / FOLDERS["recipes"] / source / "README.md"
    if not readme.is_file():
        return ""
    first, _, _ = readme.read_text(encoding="utf-8").lstrip().partition("\n")
    return first.lstrip("#").strip()


def entries(kind: str) -> dict[str, Path]:
    """List the declared files of one kind.

    Args:
        kind: A key of ``FOLDERS``.

    Returns:
        Name (file stem) -> path, sorted by name.
    """
    folder = root() / FOLDERS[kind]
    files = [
        path for path in folder.rglob("*.toml")
        if not APART & {*path.relative_to(folder).parts[:-1]}
        and (path.parent.name if path.parent.name in _INSIDE.values() else None)
        == _INSIDE.get(kind)
    ]  # fmt: skip
    return {path.stem: path for path in sorted(files, key=lambda path: path.stem)}


def find(kind: str, name: str) -> Path:
    """Find one declared file by name.

    Args:
        kind: A key of ``FOLDERS``.
        name: The file's stem.

    Raises:
        UserError: No such file; the message names the closest one.
    """
    known = entries(kind)
    if name in known:
        return known[name]
    close = get_close_matches(name, list(known), n=3, cutoff=0.5)
    hint = f"Did you mean: {', '.join(close)}?" if close else f"Known: {', '.join(known)}."
    raise UserError(f"no file '{name}' in {FOLDERS[kind]}/. {hint}")
