"""The story of a run on boxes or masks, whichever networks it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

from edgessl.dense.work import Kind, Work
from edgessl.distributed import World
from edgessl.distributed.session import joined
from edgessl.errors import UserError
from edgessl.pipeline.dense.prepare import Asked, Prepared
from edgessl.pipeline.dense.run import KEY, identity_of, record, refuse_other, with_length
from edgessl.pipeline.results import Run
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.train.place.processes import dismiss, follow_at, lead_at


@dataclass(frozen=True)
class Story(Generic[Kind]):
    """What differs between networks for devices and those of the papers.

    Attributes:
        prepare: Checks what is asked for, and reads the images.
        length: Key of a training's length in ``train``: ``epochs`` or ``iterations``.
        lengths: The same in words.
        fitted: Work, minutes and number of comparisons to the recipe with as much as fits.
        stages: Work, start, comparisons and command: does what is not yet done, and reports.
        alone: Whether it is of one process only.
    """

    prepare: Callable[[Asked, Reporter], Prepared[Kind]]
    length: str
    lengths: str
    fitted: Callable[[Work[Kind], float, int], Any]
    stages: Callable[[Work[Kind], str, Sequence[str], str], None]
    alone: bool = False


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
        if not world.first:
            return Run(follow_at(world, asked.device))
        if world.size > 1:
            _refuse_several(story, asked, world)
        prepared = replace(story.prepare(asked, tell), world=world)
        _refuse_uneven(prepared)
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
            lead_at(work.place)
            story.stages(work, asked.init, prepared.arms, command)
        dismiss(world)
        return Run(prepared.path)


def _refuse_several(story: Story[Kind], asked: Asked, world: World) -> None:
    if story.alone:
        raise UserError(
            f"--nproc-per-node: must be 1 for a recipe of a paper, got {world.size}; start one "
            "process"
        )
    if asked.minutes is not None:
        raise UserError(
            f"--minutes: must be left out with {world.size} processes, whose rate is not measured; "
            "pass --epochs"
        )


def _refuse_uneven(prepared: Prepared[Kind]) -> None:
    processes = prepared.world.size
    size, images = prepared.table.train.batch_size, len(prepared.images.train)
    if images < processes:
        raise UserError(
            f"--nproc-per-node: must be at most the {images} training images, got {processes}"
        )
    if size % processes and size <= images:
        raise UserError(
            f"train.batch_size: must be divisible by {processes} processes, got {size}; pass --set "
            f"train.batch_size={max(1, size // processes) * processes}"
        )


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
