"""The story of ``edgessl finetune``: from a pretrained backbone and labels to a classifier."""

from __future__ import annotations

from edgessl.files import lasting
from edgessl.pipeline.arms import Trained, train_arms
from edgessl.pipeline.claim import identity_of
from edgessl.pipeline.claimed import Claim, Lengths
from edgessl.pipeline.finetune.asked import Asked
from edgessl.pipeline.finetune.lengths import as_begun, fitted
from edgessl.pipeline.finetune.plan import FinetunePlan, make_plan
from edgessl.pipeline.finetune.prepare import Prepared, prepare
from edgessl.pipeline.finish import finish
from edgessl.pipeline.pretrain import keep_pretrained
from edgessl.pipeline.results import Run
from edgessl.pipeline.score.score_run import score_run
from edgessl.pipeline.verb import Verb, plan_verb, run_verb
from edgessl.reporter import Reporter
from edgessl.runs.stages import FINETUNE, REPORT, START
from edgessl.train.place.context import Context, once


def finetune(asked: Asked, reporter: Reporter | None = None) -> Run:
    """Fine-tune a pretrained backbone on labels, evaluate, and report; see ``run_verb``."""
    return run_verb(_VERB, asked, reporter)


def plan(asked: Asked, reporter: Reporter | None = None) -> FinetunePlan | None:
    """Say what a fine-tuning would take; see ``plan_verb``."""
    return plan_verb(_VERB, asked, reporter)


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


def _train(context: Context, asked: Asked, ready: Prepared) -> None:
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
    finish(context, title, asked.command, trained, {"start": about, **scores})


_VERB = Verb(
    prepare=prepare, lengths=Lengths(as_begun=as_begun, fitted=fitted), claim=_claim, train=_train,
    plan=make_plan,
)  # fmt: skip
