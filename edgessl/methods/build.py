"""From a method's table to the method."""

from __future__ import annotations

from pkgutil import resolve_name

from edgessl.backbones import Backbone
from edgessl.methods.method import PretrainingMethod
from edgessl.recipe.method_tables import METHODS, MethodTable

__all__ = ["PretrainingMethod", "build_method"]


def build_method(
    backbone: Backbone, table: MethodTable, classes: int = 0
) -> PretrainingMethod:
    """Build a method of pretraining around a backbone, with random heads.

    Args:
        backbone: What is pretrained and kept.
        table: The method's settings.
        classes: Number of labels ``K``, for a method that learns from them.
    """
    # One of them is imported, the one that is trained; METHODS says how it is found.
    method = resolve_name(f"edgessl.methods.{table.name}:{METHODS[table.name]}")
    given = (classes,) if table.learns_labels() else ()
    built: PretrainingMethod = method(backbone, table, *given)
    return built
