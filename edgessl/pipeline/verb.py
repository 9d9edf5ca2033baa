"""A verb that trains: on all processes, in a folder of its own, or as a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from edgessl.distributed import World
from edgessl.distributed.session import joined
from edgessl.pipeline.asked import OfAnyRun
from edgessl.pipeline.claimed import Claim, Lengths, ReadyRun, claimed, looked_at
from edgessl.pipeline.results import Run
from edgessl.reporter import Reporter, speaking
from edgessl.train.place.context import Context
from edgessl.train.place.processes import dismiss, follow

Asked = TypeVar("Asked", bound=OfAnyRun)
Ready = TypeVar("Ready", bound=ReadyRun)
Plan = TypeVar("Plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb(Generic[Asked, Ready, Plan]):
    """What a verb does of its own.

    Attributes:
        prepare: Checks what is asked for and says what was found; writes nothing.
        lengths: How its time becomes epochs.
        claim: What it holds a folder for.
        train: Does what is not yet done of a run, one stage after the other, and reports.
        plan: Measures what a run would take, with its baselines.
    """

    prepare: Callable[[Asked, World, Reporter], Ready]
    lengths: Lengths
    claim: Callable[[Asked, Ready], Claim]
    train: Callable[[Context, Asked, Ready], None]
    plan: Callable[[Context, tuple[str, ...]], Plan]


def run_verb(
    verb: Verb[Asked, Ready, Plan], asked: Asked, reporter: Reporter | None
) -> Run:
    """Do what is asked for; other processes than the first help it to train.

    Args:
        verb: Which.
        asked: By the user.
        reporter: Is told what goes on; None prints it.

    Raises:
        UserError: Something asked for cannot be used; every mistake is told at once.
        GateFailed: The loss stays not finite, or outputs have collapsed and that ends the run.
        Interrupted: Ctrl-C or SIGTERM, after saving.
    """
    with joined() as world, speaking(reporter) as tell:
        if not world.first:
            return Run(follow(world, asked.device))
        ready = verb.prepare(asked, world, tell)
        claim = verb.claim(asked, ready)
        with claimed(asked, ready, verb.lengths, claim, world, tell) as context:
            verb.train(context, asked, ready)
        dismiss(world)
        return Run(ready.path)


def plan_verb(
    verb: Verb[Asked, Ready, Plan], asked: Asked, reporter: Reporter | None
) -> Plan | None:
    """Say what a run would take; train and write nothing.

    Args:
        verb: Which.
        asked: By the user. In a folder that has a run, its epochs and what it computes with stay,
            whether it is to start over or not.
        reporter: Is told what goes on; None prints it.

    Returns:
        What it would take; None on processes other than the first.

    Raises:
        UserError: Something asked for cannot be used; every mistake is told at once.
    """
    asked = replace(asked, fresh=False)
    with joined() as world, speaking(reporter) as tell:
        if not world.first:
            follow(world, asked.device)
            return None
        ready = verb.prepare(asked, world, tell)
        found = verb.plan(looked_at(asked, ready, verb.lengths, world, tell), ready.baselines)
        dismiss(world)
        return found
