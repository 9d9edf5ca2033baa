"""The methods that a recipe may name, one a line, and what a recipe may say about each."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from edgessl.recipe.method_tables.table import MethodTable

METHODS = {
    "byol": "Byol",
    "dino": "Dino",
    "moco": "Moco",
    "simclr": "SimClr",
    "swav": "Swav",
}
"""Name in recipes -> class in ``edgessl/methods/NAME.py``. Its table is ``CLASSTable``, in
``NAME.py`` beside this file. (Strings, because a recipe is read without torch.)"""


def table_of(name: str) -> type[MethodTable]:
    """Return the table of a method.

    Args:
        name: A key of ``METHODS``.
    """
    table: type[MethodTable] = resolve_name(f"{__name__}.{name}:{METHODS[name]}Table")
    return table


if TYPE_CHECKING:
    AnyMethodTable = MethodTable  # outside of a method, what all tables answer is all there is
else:
    AnyMethodTable = Annotated[Union[*map(table_of, METHODS)], Field(discriminator="name")]
    """The table that the key ``name`` decides on."""

__all__ = ["METHODS", "AnyMethodTable", "MethodTable", "table_of"]
