"""The named sets, as ``named_sets.toml`` beside this file has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import cast

from edgessl.data.dataset import Entry
from edgessl.toml_file import read_toml


@dataclass(frozen=True, slots=True)
class Layout:
    """A way in which a set is laid out.

    Attributes:
        bases: Folders that may hold it, relative to where it is looked for; the first is where
            torchvision puts it.
        needs: What makes it up, relative to the base; folders end in a slash, and ``*`` stands for
            anything.
        reader: What lists the images of a base: ``MODULE.FUNCTION`` of ``edgessl.data``.
    """

    bases: tuple[str, ...]
    needs: tuple[str, ...]
    reader: str

    def read(self, base: Path) -> list[Entry]:
        """List the images of a base.

        Args:
            base: It has what is needed.
        """
        reader = resolve_name(f"edgessl.data.{self.reader.replace('.', ':')}")
        return cast(Callable[[Path], list[Entry]], reader)(base)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSet:
    """One published set.

    Attributes:
        about: What it shows.
        layouts: How it is laid out, the usual way first.
        classes: Number of classes.
        train: Images of train in the official split, or of the whole set if it has none.
        test: Images of test; 0 if there is no official split.
        download_mb: Size of the download.
        dataset: Its class in ``torchvision.datasets``, whose layout it is; empty if it can only be
            had by hand. ``archives.ARCHIVES`` has what is downloaded.
        page: Where its own files are to be had; needed where nothing can be downloaded.
        counted: Whether its numbers are exact; else they are what papers say.
    """

    about: str
    layouts: tuple[Layout, ...]
    classes: int
    train: int
    test: int
    download_mb: int
    dataset: str = ""
    page: str = ""
    counted: bool = True


@cache
def named_sets() -> Mapping[str, NamedSet]:
    """Return the sets by the name that stands after ``--data``."""
    table = read_toml(Path(__file__).with_name("named_sets.toml"))
    return {
        name: NamedSet(**{
            **facts,
            "layouts": tuple(
                Layout(tuple(one["bases"]), tuple(one["needs"]), one["reader"])
                for one in facts["layouts"]
            ),
        })
        for name, facts in table.items()
    }  # fmt: skip
