"""A run folder belongs to one run: another is refused, a longer one goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edgessl import __version__
from edgessl.data.dataset import Dataset
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.device import describe_device
from edgessl.errors import UserError
from edgessl.optim import learning_rate
from edgessl.pipeline.finetune.semi_trial import trial_of
from edgessl.recipe import Recipe, to_toml
from edgessl.recipe.optim_tables import Optim
from edgessl.runs import trained_on
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import BEFORE, PRETRAIN, REPORT
from edgessl.schedules import Clock
from edgessl.schema import validate
from edgessl.train import steps_per_epoch
from edgessl.train.place.choose_engine import describe_engine
from edgessl.train.place.context import Context

_STAGED = " (stages of pretraining cannot be made longer)"


def identity_of(
    recipe: Recipe, dataset: Dataset, seed: int, start: dict[str, Any], reading: Reading = AS_FOUND
) -> dict[str, Any]:
    """Return what makes a run this run and no other, as plain values.

    Args:
        recipe: Resolved.
        dataset: What it trains on.
        seed: Decides everything random.
        start: What identifies the weights it starts from.
        reading: How the images are read.
    """
    return {
        "seed": seed,
        "data": dataset.fingerprint,
        **start,
        **reading.to_dict(),
        "recipe": recipe.model_dump(mode="json"),
    }


def refuse_other(
    run: RunFolder, recipe: Recipe, identity: dict[str, Any], *, stage: str
) -> None:
    """Refuse a folder that has another run than the one that is wanted; write nothing.

    One difference is allowed: more epochs, with which the run goes on.

    Args:
        run: The folder.
        recipe: What is wanted.
        identity: Of the run that is wanted.
        stage: The one that may be made longer: ``pretrain`` or ``finetune``.

    Raises:
        UserError: The folder holds a run of another seed, data, start or recipe, or a longer one.
    """
    known = run.read()
    differing = _differences(_with_defaults(known["identity"]), identity) if known else []
    if not differing:
        return
    staged = stage == PRETRAIN.name and len(recipe.pretrain.stages) > 1
    if staged or len(differing) > 1 or not differing[0].startswith(f"{stage}.epochs "):
        raise UserError(
            f"{run.path}: must be used for one run, but this one differs in "
            f"{'; '.join(differing)}{_STAGED if staged else ''}; choose another folder with "
            "--out, or start over with --fresh"
        )
    before, now = (_epochs(one, stage) for one in (known["identity"], identity))
    if now < before:
        raise UserError(
            f"{run.path}: {stage}.epochs can be extended but not shortened: this run has {before}, "
            f"got {now}; pass --epochs {before} to go on with it, choose another folder with "
            "--out, or start over with --fresh"
        )


def resume(context: Context, identity: dict[str, Any], *, stage: str) -> None:
    """Make the folder's run the one that is wanted; do nothing in a folder without one.

    Args:
        context: The run, which ``refuse_other`` let pass.
        identity: Of the run that is wanted.
        stage: The one that may be made longer: ``pretrain`` or ``finetune``.
    """
    run, known = context.run, context.run.read()
    if not known:
        return
    if _epochs(known["identity"], stage) != _epochs(identity, stage):
        _extend(context, stage, known, identity)
    if REPORT not in run.read()["finished"]:
        run.drop_report()
    run.write_text("recipe.toml", as_written(context.recipe))


def _epochs(identity: dict[str, Any], stage: str) -> int:
    return int(identity["recipe"][stage]["epochs"])


def record(
    context: Context,
    identity: dict[str, Any],
    provenance: dict[str, Any],
    *,
    minutes: float | None = None,
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write down what a new run's folder is for; do nothing in a folder that has a run.

    Args:
        context: The run.
        identity: What makes it this run.
        provenance: What every checkpoint says about where it comes from, besides recipe, data and
            seed.
        minutes: The time that the epochs were chosen for, or None.
        facts: What else is to be known of it.
    """
    run, dataset, recipe = context.run, context.dataset, context.recipe
    if run.read():
        return
    run.forget_work()  # an interrupted --fresh may have left some
    run.write_text("recipe.toml", as_written(recipe))
    if dataset.quarantined:
        lines = [f"{path}\t{reason}" for path, reason in dataset.quarantined]
        run.write_text("quarantine.txt", "\n".join(lines) + "\n")
        context.reporter.say(f"{run.path / 'quarantine.txt'} lists what was left out, and why.")
    start = provenance.get("start")  # fine-tuning sees images without a label only where it says so
    seen = trained_on.of_start(Path(start)) if start else {*dataset.pretraining.digests}
    if recipe.finetune.semi is not None or trial_of(recipe, dataset, context.world) is not None:
        seen = {*seen, *dataset.unlabeled.digests}
    text = trained_on.to_text(dataset.fingerprint, {*seen, *dataset.train.digests})
    run.write_text(trained_on.NAME, text)
    run.write(
        {
            "edgessl": __version__,
            "identity": identity,
            "minutes": minutes,
            "engine": describe_engine(context.engine),
            "provenance": {
                "recipe": recipe.name,
                "data": dataset.source,
                **provenance,
                "val_percent": recipe.data.val_percent,
                "val_group": recipe.data.val_group,
                "seed": context.seed,
                "data_fingerprint": dataset.fingerprint,
                **_value_range(dataset),
                "edgessl": __version__,
            },
            "device": describe_device(context.device.type),
            **facts,
            "finished": {},
        }
    )


def as_written(recipe: Recipe) -> str:
    """Return a recipe as later runs may take it, without epochs that few labels raised.

    Args:
        recipe: Of a run.
    """
    table = recipe.finetune.model_copy(update={"epochs": recipe.finetune.own_epochs})
    return to_toml(recipe.model_copy(update={"finetune": table}))


def _value_range(dataset: Dataset) -> dict[str, Any]:
    """Tell what is black and white in images of more than 8 bits, where there are such."""
    if dataset.value_range is None:
        return {}
    return {"value_range": dataset.value_range.to_dict()}


def _extend(
    context: Context, stage: str, known: dict[str, Any], identity: dict[str, Any]
) -> None:
    """Give a stage more epochs; its steps so far stay, what comes after it is done again."""
    run, reporter = context.run, context.reporter
    before, now = _epochs(known["identity"], stage), _epochs(identity, stage)
    states = run.load_states(stage, reporter.say)
    step = int(states[0]["step"]) if states else 0
    finished = {name: value for name, value in known["finished"].items() if name in BEFORE[stage]}
    run.drop_states(but=stage)  # before the change is on record: they belong to what was
    document = {key: value for key, value in known.items() if key != "longer_epochs"}
    run.write(
        {
            **document,
            "identity": identity,
            "finished": finished,
            "extended": [
                *known.get("extended", ()),
                {"stage": stage, "from_epochs": before, "to_epochs": now, "at_step": step},
            ],
        }
    )
    reporter.say(_meaning(context.recipe, context.dataset, stage, before, now, step))


def _meaning(
    recipe: Recipe, dataset: Dataset, stage: str, before: int, now: int, step: int
) -> str:
    """Say what it means for the schedules."""
    if step == 0:
        return f"{stage} gets {now} epochs instead of {before}; it starts from its beginning."
    if stage == PRETRAIN.name:
        images, optim, batch = len(dataset.pretraining), recipe.optim, recipe.pretrain
        rates = _rates(optim, images, batch.batch_size, before, now, step)
    else:
        images, table = len(dataset.train), recipe.finetune
        rates = _rates(table.optim, images, table.batch_size, before, now, step)
    return (
        f"{stage} gets {now} epochs instead of {before}, and goes on from step {step}. From there "
        f"its schedules are those of {now} epochs: the learning rate goes from {rates[0]:.3g} to "
        f"{rates[1]:.3g}, and durations in percent are shares of {now} epochs. The result is not "
        f"that of {now} epochs from the start. What comes after {stage} is done again; until "
        f"then ckpt.pt is that of {before} epochs."
    )


def _rates(
    optim: Optim, images: int, batch_size: int, before: int, now: int, step: int
) -> tuple[float, float]:
    """Return the learning rate of the last step under the old schedule, and of the next one."""
    per_epoch, batch = steps_per_epoch(images, batch_size), min(images, batch_size)
    return (
        learning_rate(optim, Clock(step - 1, per_epoch, before), batch),
        learning_rate(optim, Clock(step, per_epoch, now), batch),
    )


def _with_defaults(identity: dict[str, Any]) -> dict[str, Any]:
    """Return an identity with the defaults of keys that recipes did not have when it was written.

    Args:
        identity: Of an earlier run, perhaps with an older edgessl.
    """
    try:
        recipe = validate(Recipe, identity.get("recipe") or {}, "run.json")
    except UserError:  # it has keys that are no more: the differences will say which
        return {**AS_FOUND.to_dict(), **identity}
    return {**AS_FOUND.to_dict(), **identity, "recipe": recipe.model_dump(mode="json")}


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
    text = str(value) or "not given"
    return text if len(text) <= 24 else text[:20] + "…"
