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
    "supervised": "SupervisedPretraining",
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


def learns_labels(name: object) -> bool:
    """Say whether a method learns from labels; one that is not known does not.

    Args:
        name: As a report has it.
    """
    # Only its name is there: what a report says besides may be of an older edgessl.
    return name in METHODS and table_of(str(name)).model_construct(name=name).learns_labels()


if TYPE_CHECKING:
    AnyMethodTable = MethodTable  # outside of a method, what all tables answer is all there is
else:
    AnyMethodTable = Annotated[Union[*map(table_of, METHODS)], Field(discriminator="name")]
    """The table that the key ``name`` decides on."""

__all__ = ["METHODS", "AnyMethodTable", "MethodTable", "learns_labels", "table_of"]
