"""The story of a run on boxes or masks, whichever networks it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

from edgessl.dense.work import Kind, Work
from edgessl.distributed.session import joined
from edgessl.errors import UserError
from edgessl.pipeline.dense.prepare import Asked, Prepared
from edgessl.pipeline.dense.run import KEY, identity_of, record, refuse_other, with_length
from edgessl.pipeline.results import Run
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder


@dataclass(frozen=True)
class Story(Generic[Kind]):
    """What differs between networks for devices and those of the papers.

    Attributes:
        prepare: Checks what is asked for, and reads the images.
        length: Key of a training's length in ``train``: ``epochs`` or ``iterations``.
        lengths: The same in words.
        fitted: Work, minutes and number of comparisons to the recipe with as much as fits.
        stages: Work, start, comparisons and command: does what is not yet done, and reports.
    """

    prepare: Callable[[Asked, Reporter], Prepared[Kind]]
    length: str
    lengths: str
    fitted: Callable[[Work[Kind], float, int], Any]
    stages: Callable[[Work[Kind], str, Sequence[str], str], None]


def follow(
    story: Story[Kind], asked: Asked, *, fresh: bool = False, reporter: Reporter | None = None,
    command: str = "",
) -> Run:  # fmt: skip
    """Train a network, score it on ``test``, and report.

    The same call again goes on where an earlier one stopped, or returns at once.

    Args:
        story: Of networks for devices, or of a paper's.
        asked: By the user.
        fresh: Start over in a folder that has a run.
        reporter: Is told what goes on; None prints it.
        command: The command as typed, for the report.

    Returns:
        The finished run.

    Raises:
        UserError: Something asked for cannot be used.
    """
    with joined() as world, speaking(reporter) as tell:
        if world.size > 1:
            raise UserError(
                f"--nproc-per-node: must be 1 for boxes and masks, got {world.size}; start one "
                "process"
            )
        prepared = story.prepare(asked, tell)
        folder = RunFolder(prepared.path)
        with folder.locked():
            if fresh:
                folder.clear()
            prepared = _with_minutes(story, prepared, asked, folder, tell)
            table, images, given = prepared.table, prepared.images, prepared.given
            identity = identity_of(table, images, asked.seed, asked.init, given)
            refuse_other(folder, identity)
            record(prepared.work(asked, folder, tell, {}).place, table, images, identity, given)
            work = prepared.work(asked, folder, tell, folder.read()["provenance"])
            story.stages(work, asked.init, prepared.arms, command)
        return Run(prepared.path)


def _with_minutes(
    story: Story[Kind], prepared: Prepared[Kind], asked: Asked, folder: RunFolder, tell: Reporter
) -> Prepared[Kind]:
    """Settle the length by ``--minutes``, once: a run that was begun keeps the one it has."""
    if asked.minutes is None:
        return prepared
    known = folder.read().get(KEY)
    if known is None:
        work = prepared.work(asked, folder, tell, {})
        return replace(prepared, table=story.fitted(work, asked.minutes, len(prepared.arms)))
    length = int(known["recipe"]["train"][story.length])
    tell.say(
        f"--minutes {asked.minutes:g}: this run keeps the {length} {story.lengths} that it has."
    )
    return replace(prepared, table=with_length(prepared.table, story.length, length))
