"""The story of ``edgessl recipe``: from a folder of images to a network that can be exported."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from edgessl.backbones import deployable_payload
from edgessl.checkpoint import save
from edgessl.data.dataset import Dataset
from edgessl.files import lasting
from edgessl.pipeline.arms import Trained, train_arms
from edgessl.pipeline.asked import Asked
from edgessl.pipeline.claim import identity_of
from edgessl.pipeline.claimed import Claim, Lengths
from edgessl.pipeline.finetune.kept_start import keep_start, kept_last_stage
from edgessl.pipeline.finish import finish
from edgessl.pipeline.lengths import as_begun, fitted
from edgessl.pipeline.plan import Plan, make_plan
from edgessl.pipeline.prepare import Prepared, prepare
from edgessl.pipeline.pretrain import keep_views, load_pretrained, pretrain
from edgessl.pipeline.results import Run
from edgessl.pipeline.score.score_run import score_run
from edgessl.pipeline.source import refuse_changed
from edgessl.pipeline.verb import Verb, plan_verb, run_verb
from edgessl.recipe import Recipe
from edgessl.reporter import Reporter
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import (
    BASELINES,
    EVALUATE,
    FEATURES,
    FINETUNE,
    FROM_WEIGHTS,
    PRETRAIN,
    REPORT,
    START,
    VIEWS,
)
from edgessl.train.place.context import Context, once


def run(asked: Asked, reporter: Reporter | None = None) -> Run:
    """Pretrain on images, fine-tune on their labels, evaluate, and report; see ``run_verb``."""
    return run_verb(_VERB, asked, reporter)


def plan(asked: Asked, reporter: Reporter | None = None) -> Plan | None:
    """Say what a run would take; see ``plan_verb``."""
    return plan_verb(_VERB, asked, reporter)


def _claim(asked: Asked, ready: Prepared) -> Claim:
    source = ready.source

    def refuse(folder: RunFolder) -> None:
        if not asked.fresh and folder.read():
            refuse_changed(folder, source)
        elif source.refusal is not None:
            raise source.refusal

    return Claim(
        stage=PRETRAIN.name,
        identity=lambda recipe: identity_of(
            recipe, ready.dataset, asked.seed, _start(asked.init, recipe, ready.dataset),
            asked.reading,
        ),
        came_from={
            "labels": lasting(asked.labels), "label_percent": asked.label_percent,
            "labels_per_class": asked.labels_per_class, **asked.reading.said(),
            **source.provenance,
        },
        facts=source.facts,
        refuse=refuse,
    )  # fmt: skip


def _train(context: Context, asked: Asked, ready: Prepared) -> None:
    """Do what is not yet done of a run, one stage after the other, and report."""
    source, baselines, init = ready.source, ready.baselines, ready.source.init
    dataset, folder = context.dataset, context.run
    if folder.read()["finished"].get(REPORT):
        context.reporter.say(f"{folder.path}: this run is done; --fresh starts it over.")
    if _needs_start(context, init, baselines):
        once(context, START, lambda: keep_start(context, init))
    once(context, VIEWS, lambda: keep_views(context))
    pretrained = once(
        context, PRETRAIN.name,
        lambda: dict(pretrain(context, source, kept_last_stage(context)).facts()),
    )  # fmt: skip
    trained: Trained = {PRETRAIN.name: pretrained}
    if dataset.classes and context.recipe.evaluate.finetunes:
        train_arms(context, trained, baselines)
    else:
        once(context, FEATURES, lambda: _keep_features(context))
    scores = score_run(context, baselines, init) if dataset.classes else {}
    weights = folder.read()["provenance"].get("weights")
    facts = scores if init == "none" else {"init": init, **scores}
    facts = {"weights": weights, **facts} if weights else facts
    title = f"{dataset.name} · {context.recipe.name}"
    finish(context, title, asked.command, trained, facts)


def _needs_start(context: Context, init: str, baselines: Sequence[str]) -> bool:
    """Tell whether something is left to do with the weights."""
    if init == "none":
        return False
    left = [PRETRAIN.name]
    if context.dataset.classes and context.recipe.evaluate.protocols:
        left += [BASELINES[name].name for name in FROM_WEIGHTS if name in baselines]
        left += [EVALUATE] if len(context.dataset.test) else []
    return not context.run.read()["finished"].keys() >= {*left}


def _keep_features(context: Context) -> dict[str, Any]:
    """Without fine-tuning the pretrained backbone itself is what export reads."""
    payload = deployable_payload(
        load_pretrained(context),
        classes=(),
        preprocess=context.images.preprocess.to_dict(),
        provenance=context.run.read()["provenance"],
    )
    save(context.run.path / FINETUNE.file, payload)
    return {}


def _start(init: str, recipe: Recipe, dataset: Dataset) -> dict[str, str]:
    """Return what identifies a run's start, and labels from a file that may change."""
    if recipe.data.labels is None or dataset.lesson is None:
        return {"init": init}
    learned = repr((dataset.lesson.classes, dataset.lesson.labels)).encode()
    return {"init": init, "labels": hashlib.sha1(learned, usedforsecurity=False).hexdigest()}


_VERB = Verb(
    prepare=prepare, lengths=Lengths(as_begun=as_begun, fitted=fitted), claim=_claim, train=_train,
    plan=make_plan,
)  # fmt: skip
