"""From the name of a recipe with answers at places to its resolved table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgessl import catalog
from edgessl.errors import UserError
from edgessl.recipe import detector_table, segmenter_table
from edgessl.recipe.detector_table import DetectorRecipe
from edgessl.recipe.load import resolved
from edgessl.recipe.segmenter_table import SegmenterRecipe
from edgessl.schema import validate
from edgessl.toml_file import read_toml

KINDS = {detector_table.TASK: "detectors", segmenter_table.TASK: "segmenters"}
"""Task -> the kind of catalogue entry."""


def task_of(name: str) -> str | None:
    """Return the task of a recipe: ``detect`` or ``segment``; None for all others.

    Args:
        name: ``NAME``, ``NAME:VARIANT`` or a TOML file.
    """
    path = _path(name)
    if path is None or not path.is_file():
        return None
    try:
        task = read_toml(path).get("task")
    except UserError:  # who reads it says what is wrong
        return None
    return task if task in KINDS else None


def load_detector(name: str, overrides: Sequence[str] = ()) -> DetectorRecipe:
    """Resolve the recipe of a detector.

    Args:
        name: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        overrides: ``KEY=VALUE`` with a dotted key and a TOML value.

    Raises:
        UserError: No such recipe or variant, or mistakes in it, all at once.
    """
    path = _path(name) or catalog.find("detectors", name.partition(":")[0])
    values, where = resolved(name, path, None, overrides)
    return validate(DetectorRecipe, values, where)


def load_segmenter(name: str, overrides: Sequence[str] = ()) -> SegmenterRecipe:
    """Resolve the recipe of a segmenter, as ``load_detector`` does that of a detector."""
    path = _path(name) or catalog.find("segmenters", name.partition(":")[0])
    values, where = resolved(name, path, None, overrides)
    return validate(SegmenterRecipe, values, where)


def recipe_of(backbone: str, task: str) -> str:
    """Return the name of the recipe of a task for a backbone.

    Args:
        backbone: A key of ``BACKBONES``.
        task: ``detect`` or ``segment``.

    Raises:
        UserError: There is none.
    """
    known = catalog.entries(KINDS[task])
    for name, path in known.items():
        if read_toml(path)["backbone"]["name"] == backbone:
            return name
    raise UserError(
        f"--recipe: must be given, because none of --task {task} is declared for {backbone}; pass "
        f"one of {', '.join(known)} with --set backbone.name={backbone}"
    )


def _path(name: str) -> Path | None:
    if ".toml" in name:
        return Path(name.partition(".toml")[0] + ".toml")
    base = name.partition(":")[0]
    return next(
        (path for kind in KINDS.values()
         if (path := catalog.entries(kind).get(base)) is not None), None
    )  # fmt: skip
