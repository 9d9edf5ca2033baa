"""A study: a table or a figure of a paper as a declared grid of runs, with the paper's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl import catalog
from edgessl.recipe.study_row import Count, Row, Text, row_mistakes
from edgessl.schema import Mistakes, Table, read_toml, validate


class Trend(Table):
    """What a paper says of a curve in words.

    Attributes:
        series: The curve.
        minus: Another curve, which is taken off it; empty for none.
        goes: Whether it rises with ``x`` or falls.
        at: Where the paper says so.
    """

    series: Text
    minus: str = ""
    goes: Literal["up", "down"]
    at: Text


class Peak(Table):
    """Where a paper says that a curve is highest.

    Attributes:
        series: The curve.
        x: The places that count as right.
        at: Where the paper says so.
    """

    series: Text
    x: Annotated[tuple[float, ...], Field(min_length=1)]
    at: Text


class Above(Table):
    """Two rows of which a paper says in words which is higher.

    Attributes:
        row: The higher one; ``NAME`` or ``NAME | COLUMN``.
        than: The other.
        at: Where the paper says so.
    """

    row: Text
    than: Text
    at: Text


class Study(Table):
    """A table or figure.

    Attributes:
        title: What it shows.
        place: Where it is in the paper, such as ``Table 8``.
        data: The paper's name of the set that rows without one are pretrained on.
        images: How many images that set has for training; counts of images and labels are taken in
            proportion where ours has another number. Left out: they are taken as they are.
        classes: The same of its classes.
        about: What to know when comparing; empty for nothing.
        weights: Weights that rows start from and nobody can download here, by name: what they are.
        weights_optional: Whether rows whose ``init`` is not given start from random weights, which
            the page then says; else they are not run.
        x_title: Unit of the horizontal axis; empty where the paper plots nothing.
        y_title: Unit of the vertical one.
        rows: The numbers.
        trends: What is said of curves.
        peaks: Where they are highest.
        above: Pairs of rows that the text orders.
    """

    title: Text
    place: Text
    data: Text
    images: Count | None = None
    classes: Count | None = None
    about: str = ""
    weights: dict[Text, Text] = Field(default_factory=dict)
    weights_optional: bool = False
    x_title: str = ""
    y_title: str = ""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    trends: tuple[Trend, ...] = ()
    peaks: tuple[Peak, ...] = ()
    above: tuple[Above, ...] = ()

    @property
    def sets(self) -> tuple[str, ...]:
        """The paper's names of all sets, each once."""
        rows = [name for row in self.rows for name in (row.data, row.transfer)]
        pools = [part.data for row in self.rows for part in row.pool]
        fused = [one.data for row in self.rows for one in row.fuse]
        return tuple(dict.fromkeys(one for one in (self.data, *rows, *pools, *fused) if one))

    @model_validator(mode="after")
    def _check(self) -> Study:
        mistakes = []
        keys = [key_of(row.name, row.column) for row in self.rows]
        mistakes += [
            f"rows: must have names of their own within a column, got '{key}' twice"
            for key in dict.fromkeys(keys) if keys.count(key) > 1
        ]  # fmt: skip
        for number, row in enumerate(self.rows):
            mistakes += [f"rows.{number} ({row.name}): {line}" for line in row_mistakes(row)]
        mistakes += [
            f"weights: must be what some row starts from, got '{name}' that none names"
            for name in self.weights if name not in {word for row in self.rows
                                                     for word in (row.init, row.start)}
        ]  # fmt: skip
        series = {row.series for row in self.rows}
        curves = [(f"trends.{i}", one.series) for i, one in enumerate(self.trends)]
        curves += [(f"trends.{i}", one.minus) for i, one in enumerate(self.trends) if one.minus]
        curves += [(f"peaks.{i}", one.series) for i, one in enumerate(self.peaks)]
        mistakes += [
            f"{place}: must name a series of the rows, got '{name}'"
            for place, name in curves if name not in series
        ]  # fmt: skip
        for number, pair in enumerate(self.above):
            mistakes += [
                f"above.{number}: must name a row, or ROW | COLUMN, got '{name}'"
                for name in (pair.row, pair.than) if name not in keys
            ]  # fmt: skip
        if mistakes:
            raise Mistakes(mistakes)
        return self


def key_of(name: str, column: str) -> str:
    """Return what a claim calls a row.

    Args:
        name: Of the row.
        column: Its column; empty for none.
    """
    return f"{name} | {column}" if column else name


def load_study(name: str) -> Study:
    """Read a study.

    Args:
        name: Its name in the catalogue, or the path of a TOML file.

    Raises:
        UserError: There is none, or mistakes in it, all at once.
    """
    path = Path(name) if name.endswith(".toml") else catalog.find("studies", name)
    return validate(Study, read_toml(path), path.name)
