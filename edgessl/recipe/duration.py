"""Durations with units: exactly one of ``*_epochs``, ``*_steps``, ``*_percent``."""

from __future__ import annotations

from edgessl.schema import Table

UNITS = ("epochs", "steps", "percent")


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
        raise ValueError(f"{' and '.join(given)}: only one of them may be given")


def duration_steps(table: Table, name: str, *, steps_per_epoch: int, total_steps: int) -> int:
    """Convert a duration to steps.

    Args:
        table: The table that owns the duration.
        name: Its name without unit.
        steps_per_epoch: Steps of one epoch.
        total_steps: Steps of the whole stage.

    Returns:
        Whole steps; 0 if the duration is not given.
    """
    epochs, steps, percent = (getattr(table, f"{name}_{unit}") for unit in UNITS)
    if epochs is not None:
        return int(round(epochs * steps_per_epoch))
    if steps is not None:
        return int(steps)
    return round((percent or 0.0) / 100.0 * total_steps)
