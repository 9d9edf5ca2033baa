"""An edge model factory: pretrain small backbones on your images, fine-tune, export, prove.

Importing this is quick: what a name needs is imported when the name is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgessl.api import Backbone as Backbone
    from edgessl.api import bench as bench
    from edgessl.api import compare as compare
    from edgessl.api import diagnose as diagnose
    from edgessl.api import evaluate as evaluate
    from edgessl.api import export as export
    from edgessl.api import finetune as finetune
    from edgessl.api import load_dataset as load_dataset
    from edgessl.api import load_recipe as load_recipe
    from edgessl.api import open_artifact as open_artifact
    from edgessl.api import pick as pick
    from edgessl.api import run as run

__version__ = "0.1.0"

__all__ = [
    "Backbone", "bench", "compare", "diagnose", "evaluate", "export", "finetune", "load_dataset",
    "load_recipe", "open_artifact", "pick", "run",
]  # fmt: skip


class _Face(ModuleType):
    """This package, with functions that its parts of the same name do not hide.

    Importing ``edgessl.export.core`` makes Python set ``edgessl.export`` to the package of that
    name; here it stays the function. ``from edgessl.export.core import …`` works as ever.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module("edgessl.api"), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Face
