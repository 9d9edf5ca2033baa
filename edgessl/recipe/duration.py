"""Durations with units: exactly one of ``*_epochs``, ``*_steps``, ``*_percent``."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from edgessl.schema import Table

Percent = Annotated[float, Field(ge=0.0, le=100.0)]
UNITS = ("epochs", "steps", "percent")


class StageLength(Protocol):
    """The part of a clock that durations need."""

    @property
    def epochs(self) -> int:
        """Epochs of the whole stage."""
        ...

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch."""
        ...

    @property
    def total_steps(self) -> int:
        """Steps of the whole stage."""
        ...


def durations(table: Table) -> list[str]:
    """Return the names, without unit, of the durations that a table may give."""
    fields = type(table).model_fields
    return [field.removesuffix("_epochs") for field in fields if field.endswith("_epochs")]


def check_one_unit(table: Table, name: str) -> None:
    """Refuse a duration that is given in two units.

    Args:
        table: The table that owns the duration.
        name: Its name without unit; the fields are ``NAME_epochs`` and so on, None if not given.

    Raises:
        ValueError: Two units are given.
    """
    given = [f"{name}_{unit}" for unit in UNITS if getattr(table, f"{name}_{unit}") is not None]
    if len(given) > 1:
        values = ", ".join(f"{key} = {getattr(table, key):g}" for key in given)
        raise ValueError(
            f"{' and '.join(given)}: only one of them may be given, got {values}; leave one out"
        )


def too_long_for(table: Table, name: str, epochs: int, place: str, run: str) -> list[str]:
    """Say whether a duration in epochs is longer than the run it is part of.

    Args:
        table: The table that owns the duration.
        name: Its name without unit.
        epochs: Length of the run.
        place: The table's key in the recipe, for the message.
        run: Key of the run's length in the recipe, for the message.

    Returns:
        A sentence that names both, or nothing.
    """
    duration = getattr(table, f"{name}_epochs")
    if duration is None or duration <= epochs:
        return []
    return [
        f"{place}.{name}_epochs must be at most {run} ({epochs}), got {duration:g}; "
        f"give it as {name}_percent to keep its share of the run"
    ]


def too_long(table: Table, stage: StageLength, place: str) -> list[str]:
    """Say which durations in steps are longer than the stage they are part of.

    Args:
        table: The table that owns the durations.
        stage: That stage.
        place: The table's key in the recipe.

    Returns:
        A sentence for each.
    """
    found = []
    for field in type(table).model_fields:
        steps = getattr(table, field)
        if field.endswith("_steps") and steps is not None and steps > stage.total_steps:
            percent = f"{field.removesuffix('_steps')}_percent"
            found.append(
                f"{place}.{field}: must be at most the {stage.total_steps} steps of its stage "
                f"({stage.epochs} epochs of {stage.steps_per_epoch}), got {steps:g}; "
                f"give it as {percent} to keep its share of the stage"
            )
    return found


def duration_steps(table: Table, name: str, clock: StageLength) -> int:
    """Convert a duration to steps.

    Args:
        table: The table that owns the duration.
        name: Its name without unit.
        clock: The stage it is part of.

    Returns:
        Whole steps; 0 if the duration is not given.
    """
    values: list[float | None] = [getattr(table, f"{name}_{unit}") for unit in UNITS]
    epochs, steps, percent = values
    if epochs is not None:
        return round(epochs * clock.steps_per_epoch)
    if steps is not None:
        return int(steps)
    return round((percent or 0.0) / 100.0 * clock.total_steps)
