"""The story of ``edgessl recipe``: from a folder of images to a network that can be exported."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from edgessl import __version__
from edgessl.backbones import deployable_payload
from edgessl.checkpoint import save
from edgessl.data.dataset import Dataset
from edgessl.data.load import load_dataset
from edgessl.device import describe_device, pick_device
from edgessl.errors import UserError
from edgessl.metrics.cost import macs, params
from edgessl.pipeline.contact_sheet import save_contact_sheet
from edgessl.pipeline.context import Context
from edgessl.pipeline.finetuning import (
    LONGER_STAGE,
    RANDOM_STAGE,
    baseline_epochs,
    finetune,
    load_classifier,
    train_baseline,
)
from edgessl.pipeline.images import Images, pack_size_px
from edgessl.pipeline.plan import describe_plan, make_plan, median_short_px, pretraining_epochs
from edgessl.pipeline.pretrain import load_pretrained, pretrain
from edgessl.pipeline.reporter import Reporter
from edgessl.pipeline.scores import (
    as_values,
    score_classifier,
    score_features,
    score_random_features,
    score_thumbnails,
)
from edgessl.pipeline.training import Meter
from edgessl.pipeline.verdict import verdict
from edgessl.recipe import Recipe, load_recipe, to_toml
from edgessl.report import write_report
from edgessl.run import RunFolder

BASELINES = ("random", "longer", "none")


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for.

    Attributes:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        data: ``--data``.
        labels: ``--labels``, or None.
        label_percent: ``--label-percent``, or None.
        out: Run folder, or None for ``runs/DATA-RECIPE``.
        epochs: Pretraining epochs in place of the recipe's, or None.
        minutes: Time that sets the pretraining epochs, or None.
        seed: Decides everything random.
        device: One of ``device.NAMES``.
        init: Where the first weights come from.
        baselines: Members of ``BASELINES``.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Start over in a folder that has a run.
        command: The command as typed, to be repeated.
    """

    recipe: str
    data: str
    labels: str | None = None
    label_percent: float | None = None
    out: Path | None = None
    epochs: int | None = None
    minutes: float | None = None
    seed: int = 0
    device: str = "auto"
    init: str = "none"
    baselines: tuple[str, ...] = ("random",)
    overrides: tuple[str, ...] = ()
    fresh: bool = False
    command: str = ""


def plan_recipe(request: Request, reporter: Reporter) -> str:
    """Say what a run would take; train and write nothing.

    Args:
        request: What the user asked for.
        reporter: Tells the user.
    """
    dataset, recipe, device = _prepare(request, reporter)
    images = _images(dataset, recipe, reporter)
    context = Context(
        RunFolder.__new__(RunFolder), recipe, dataset, images, device, request.seed, reporter
    )
    return describe_plan(make_plan(context, request.baselines), recipe)


def run_recipe(request: Request, reporter: Reporter) -> dict[str, Any]:
    """Pretrain, fine-tune, evaluate and report; go on where an earlier run of it stopped.

    Args:
        request: What the user asked for.
        reporter: Tells the user.

    Returns:
        The content of ``report.json``.

    Raises:
        UserError: Something in the request cannot be used.
        Interrupted: Ctrl-C or SIGTERM, after saving.
    """
    dataset, recipe, device = _prepare(request, reporter)
    out = request.out or Path("runs") / f"{dataset.name}-{recipe.name.replace(':', '-')}"
    run = RunFolder(out)
    with run.locked():
        if request.fresh:
            run.clear()
        images = _images(dataset, recipe, reporter)
        context = Context(run, recipe, dataset, images, device, request.seed, reporter)
        context = _settle_epochs(context, request)
        _claim(context, request)
        return _run_stages(context, request)


def _prepare(request: Request, reporter: Reporter) -> tuple[Dataset, Recipe, torch.device]:
    """Check everything that can be checked before any work."""
    for baseline in request.baselines:
        if baseline not in BASELINES:
            raise UserError(
                f"--baselines: must be of {', '.join(BASELINES)}, got '{baseline}'"
            )
    device = torch.device(pick_device(request.device))
    load_recipe(request.recipe, overrides=request.overrides)  # mistakes first, images later
    draft = load_recipe(request.recipe, overrides=request.overrides)
    dataset = load_dataset(
        request.data,
        labels=request.labels,
        label_percent=request.label_percent,
        val_percent=draft.data.val_percent,
        seed=request.seed,
        progress=lambda done, total: reporter.progress("checking images", done, total),
    )
    conditions = {
        "data": dataset.name, "device": device.type, "images": len(dataset.pretraining),
    }
    overrides = list(request.overrides)
    if request.epochs is not None:
        overrides.append(f"pretrain.epochs={request.epochs}")
    recipe = load_recipe(request.recipe, conditions=conditions, overrides=overrides)
    for sentence in _found(dataset):
        reporter.say(sentence)
    return dataset, recipe, device


def _found(dataset: Dataset) -> list[str]:
    counts = ", ".join(
        f"{len(split)} {name}"
        for name, split in (
            ("train", dataset.train), ("unlabeled", dataset.unlabeled),
            ("val", dataset.val), ("test", dataset.test),
        )
        if len(split)
    )
    classes = f"{len(dataset.classes)} classes" if dataset.classes else "no labels"
    lines = [f"{dataset.name}: {counts} images, {classes}.", *dataset.notes]
    if dataset.quarantined:
        lines.append(
            f"{len(dataset.quarantined)} file(s) left out, listed in quarantine.txt; "
            f"the first: {dataset.quarantined[0][0].name}: {dataset.quarantined[0][1]}."
        )
    if not dataset.classes:
        lines.append("No labels: this run pretrains only, and keeps the backbone.")
    return lines


def _images(dataset: Dataset, recipe: Recipe, reporter: Reporter) -> Images:
    groups = (*recipe.views, recipe.finetune.view)
    return Images(dataset, recipe, pack_size_px(groups, median_short_px(dataset)), reporter)


def _settle_epochs(context: Context, request: Request) -> Context:
    """Turn ``--minutes`` into epochs, once: a resumed run keeps what was recorded."""
    if request.minutes is None:
        return context
    epochs = context.run.read().get("epochs_of_minutes")
    if epochs is None:
        epochs = pretraining_epochs(context, request.minutes)
        context.reporter.say(f"{request.minutes:g} minutes are {epochs} pretraining epochs here.")
    pretrain_table = context.recipe.pretrain.model_copy(update={"epochs": epochs})
    recipe = context.recipe.model_copy(update={"pretrain": pretrain_table})
    return Context(
        context.run, recipe, context.dataset, context.images, context.device, context.seed,
        context.reporter,
    )


def _claim(context: Context, request: Request) -> None:
    """Record what this folder is for, or refuse a run that is another one.

    Raises:
        UserError: The folder holds a run of another seed, data or recipe.
    """
    run, dataset, recipe = context.run, context.dataset, context.recipe
    identity = {
        "seed": context.seed,
        "data": dataset.fingerprint,
        "init": request.init,
        "recipe": recipe.model_dump(mode="json"),
    }
    known = run.read()
    if known:
        differing = _differences(known["identity"], identity)
        if differing:
            raise UserError(
                f"{run.path}: must be used for one run, but this one differs in "
                f"{'; '.join(differing)}; choose another folder with --out, or start over "
                "with --fresh"
            )
        return
    provenance = {
        "recipe": recipe.name,
        "data": dataset.source,
        "labels": request.labels,
        "label_percent": request.label_percent,
        "val_percent": recipe.data.val_percent,
        "seed": context.seed,
        "data_fingerprint": dataset.fingerprint,
        "edgessl": __version__,
    }
    run.write_text("recipe.toml", to_toml(recipe))
    if dataset.quarantined:
        lines = [f"{path}\t{reason}" for path, reason in dataset.quarantined]
        run.write_text("quarantine.txt", "\n".join(lines) + "\n")
    run.write(
        {
            "edgessl": __version__,
            "identity": identity,
            "epochs_of_minutes": recipe.pretrain.epochs if request.minutes is not None else None,
            "provenance": provenance,
            "device": describe_device(context.device.type),
            "finished": {},
        }
    )


def _differences(known: Any, wanted: Any, place: str = "") -> list[str]:
    if isinstance(known, dict) and isinstance(wanted, dict):
        found = []
        for key in sorted(known.keys() | wanted.keys()):
            inner = f"{place}.{key}" if place else str(key)
            found += _differences(known.get(key), wanted.get(key), inner)
        return found
    if known == wanted:
        return []
    place = place.removeprefix("recipe.")
    return [f"{place} ({_short(known)} before, {_short(wanted)} now)"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else text[:20] + "…"


def _once(context: Context, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do a stage unless run.json says it is finished; return what it recorded."""
    document = context.run.read()
    if name not in document["finished"]:
        result = work()
        document = context.run.read()
        document["finished"][name] = result
        context.run.write(document)
    return dict(document["finished"][name])


def _run_stages(context: Context, request: Request) -> dict[str, Any]:
    dataset, run = context.dataset, context.run
    if run.read()["finished"].get("report"):
        context.reporter.say(f"{run.path}: this run is done; --fresh starts it over.")
    stages: dict[str, dict[str, Any]] = {}

    def train(name: str, work: Callable[[], Meter]) -> None:
        stages[name] = _once(context, name, lambda: dict(work().facts()))

    _once(context, "views", lambda: save_contact_sheet(context))
    train("pretrain", lambda: pretrain(context, request.init))
    if dataset.classes:
        train("finetune", lambda: finetune(context, load_pretrained(context)))
        if "random" in request.baselines:
            epochs = baseline_epochs(context)
            train(
                "finetune_random",
                lambda: train_baseline(context, "random", RANDOM_STAGE, epochs),
            )
        if "longer" in request.baselines:
            train("finetune_longer", lambda: _train_longer(context, stages))
        scores = _once(context, "evaluate", lambda: _evaluate(context, request.baselines))
    else:
        scores = _once(context, "evaluate", lambda: _keep_features(context))
    report = _report(context, request, stages, scores)
    run.write_json("report.json", report)
    write_report(run.path)
    _once(context, "report", lambda: {"done": True})
    return report


def _train_longer(context: Context, stages: dict[str, dict[str, Any]]) -> Meter:
    """Fine-tune a random start for as long as pretraining and fine-tuning took together."""
    document = context.run.read()
    if "longer_epochs" not in document:
        ours = stages["pretrain"]["seconds"] + stages["finetune"]["seconds"]
        rate = stages["finetune"]["images_per_s"]
        document["longer_epochs"] = max(1, round(ours * rate / len(context.dataset.train)))
        context.run.write(document)
    return train_baseline(context, "longer", LONGER_STAGE, document["longer_epochs"])


def _keep_features(context: Context) -> dict[str, Any]:
    """Without labels the pretrained backbone itself is what export reads."""
    payload = deployable_payload(
        load_pretrained(context),
        classes=(),
        preprocess=context.images.preprocess.to_dict(),
        provenance=context.run.read()["provenance"],
    )
    save(context.run.path / "ckpt.pt", payload)
    return {}


def _evaluate(context: Context, baselines: tuple[str, ...]) -> dict[str, Any]:
    """Read ``test``, once."""
    if not len(context.dataset.test):
        return {}
    context.reporter.say("Scoring on test.")
    scores = as_values(score_features(context, load_pretrained(context)))
    tuned, confusion = score_classifier(context, "ckpt.pt")
    found: dict[str, Any] = {
        "scores": {**scores, "finetune_top1": tuned.to_dict()},
        "confusion": confusion,
        "thumbnail_knn_top1": score_thumbnails(context).to_dict(),
        "scores_random": as_values(score_random_features(context)),
    }
    for name in ("random", "longer"):
        if name in baselines:
            score, _ = score_classifier(context, f"state/{name}.pt")
            found.setdefault(f"scores_{name}", {})["finetune_top1"] = score.to_dict()
    return found


def _report(
    context: Context, request: Request, stages: dict[str, dict[str, Any]], scores: dict[str, Any]
) -> dict[str, Any]:
    dataset, run = context.dataset, context.run
    network = load_classifier(context, "ckpt.pt").backbone if dataset.classes else load_pretrained(
        context
    )
    report: dict[str, Any] = {
        "edgessl": __version__,
        "name": f"{dataset.name} · {context.recipe.name}",
        "command": request.command,
        "data": {
            "name": dataset.name,
            "classes": list(dataset.classes),
            "counts": {
                "train": len(dataset.train), "unlabeled": len(dataset.unlabeled),
                "val": len(dataset.val), "test": len(dataset.test),
            },
            "fingerprint": dataset.fingerprint,
            "notes": list(dataset.notes),
            "quarantined": len(dataset.quarantined),
        },
        "recipe": context.recipe.model_dump(mode="json", exclude_none=True),
        **scores,
        "throughput": {
            "images_per_s": stages["pretrain"]["images_per_s"],
            "data_share": stages["pretrain"]["data_share"],
            "seconds": {name: facts["seconds"] for name, facts in stages.items()},
        },
        "model": {
            "params": params(network),
            "macs": macs(network, context.recipe.image.crop_px),
        },
        "device": run.read()["device"],
        "seed": context.seed,
    }
    report["verdict"] = verdict(report)
    report["next"] = f"edgessl export {shlex.quote(str(run.path / 'ckpt.pt'))} --onnx"
    return report
