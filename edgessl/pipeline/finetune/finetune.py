"""The story of ``edgessl finetune``: from a pretrained backbone and labels to a classifier."""

from __future__ import annotations

from dataclasses import replace

from edgessl.distributed.session import joined
from edgessl.files import lasting
from edgessl.pipeline.arms import Trained, train_arms
from edgessl.pipeline.claim import identity_of
from edgessl.pipeline.claimed import Claim, Lengths, claimed, looked_at
from edgessl.pipeline.finetune.asked import Asked
from edgessl.pipeline.finetune.lengths import as_begun, fitted
from edgessl.pipeline.finetune.plan import FinetunePlan, make_plan
from edgessl.pipeline.finetune.prepare import Prepared, prepare
from edgessl.pipeline.finish import finish
from edgessl.pipeline.pretrain import keep_pretrained
from edgessl.pipeline.results import Run
from edgessl.pipeline.score.score_run import score_run
from edgessl.reporter import Reporter, speaking
from edgessl.runs.stages import FINETUNE, REPORT, START
from edgessl.train.place.context import Context, once
from edgessl.train.place.processes import dismiss, follow

LENGTHS = Lengths(as_begun=as_begun, fitted=fitted)


def finetune(asked: Asked, reporter: Reporter | None = None) -> Run:
    """Fine-tune a pretrained backbone on labels, evaluate, and report; see ``edgessl.finetune``.

    Args:
        asked: By the user.
        reporter: Is told what goes on; None prints it.

    Raises:
        UserError: Something asked for cannot be used; every mistake is told at once.
        GateFailed: The loss stays not finite.
        Interrupted: Ctrl-C or SIGTERM, after saving.
    """
    with joined() as world, speaking(reporter) as tell:
        if not world.first:
            return Run(follow(world, asked.device))
        ready = prepare(asked, world, tell)
        with claimed(asked, ready, LENGTHS, _claim(asked, ready), world, tell) as context:
            _train(context, ready, asked.command)
        dismiss(world)
        return Run(ready.path)


def plan(asked: Asked, reporter: Reporter | None = None) -> FinetunePlan | None:
    """Say what a fine-tuning would take; train and write nothing.

    Args:
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
        ready = prepare(asked, world, tell)
        found = make_plan(looked_at(asked, ready, LENGTHS, world, tell), ready.baselines)
        dismiss(world)
        return found


def _claim(asked: Asked, ready: Prepared) -> Claim:
    start = {"start": ready.start.fingerprint}
    return Claim(
        stage=FINETUNE.name,
        identity=lambda recipe: identity_of(
            recipe, ready.dataset, asked.seed, start, asked.reading
        ),
        came_from={
            "labels": None, "unlabelled": lasting(asked.unlabelled),
            "label_percent": asked.label_percent, "labels_per_class": asked.labels_per_class,
            "start": asked.start, **asked.reading.said(), **ready.start.provenance,
        },
    )  # fmt: skip


def _train(context: Context, ready: Prepared, command: str) -> None:
    """Do what is not yet done of a run, one stage after the other, and report."""
    folder, start, network = context.run, ready.start, ready.network
    kept = start.last_stage_weights
    once(context, START, lambda: keep_pretrained(context, network, start.head, kept))
    if folder.read()["finished"].get(REPORT):
        context.reporter.say(f"{folder.path}: this run is done; --fresh starts it over.")
    trained: Trained = {}
    train_arms(context, trained, ready.baselines, extendable=True)
    scores = score_run(context, ready.baselines)
    title = f"{context.dataset.name} · fine-tuned from {start.path}"
    about = {"file": str(start.path), "supervised": start.supervised, **start.provenance}
    finish(context, title, command, trained, {"start": about, **scores})
