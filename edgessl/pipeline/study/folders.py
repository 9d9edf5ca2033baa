"""What the runs of a study are called."""

from __future__ import annotations

from pathlib import Path

from edgessl.pipeline.study.job import hash_of
from edgessl.pipeline.study.sets import short_name


def folder_of(recipe: str, data: str, rest: str) -> str:
    """Return the name of a run folder.

    Args:
        recipe: Its recipe.
        data: Its images.
        rest: What else makes it this run.
    """
    place = "-".join(short_name(part) for part in data.split("+"))
    return f"{Path(recipe.replace(':', '-')).stem}-{place[:60]}-{hash_of(rest + data)}"
