"""A stage of a run is done once: run.json remembers what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgessl.train.place.context import Context


def once(context: Context, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do a stage unless run.json says it is finished.

    Args:
        context: The run.
        name: The stage's name in run.json.
        work: Does it, and returns plain values to be recorded.

    Returns:
        What the stage recorded, now or in an earlier run of the same command.
    """
    document = context.run.read()
    if name not in document["finished"]:
        result = work()
        document = context.run.read()
        document["finished"][name] = result
        context.run.write(document)
    return dict(document["finished"][name])
