"""A run folder belongs to one run: what it is for is recorded, and another run is refused."""

from __future__ import annotations

from typing import Any

from edgessl import __version__
from edgessl.device import describe_device
from edgessl.errors import UserError
from edgessl.pipeline.extend import extend
from edgessl.recipe import Recipe, to_toml
from edgessl.schema import validate
from edgessl.train.place.context import Context
from edgessl.train.place.recorded_engine import describe_engine

_STAGED = " (stages of pretraining cannot be made longer)"


def claim(
    context: Context,
    start: dict[str, Any],
    provenance: dict[str, Any],
    *,
    stage: str,
    minutes: float | None = None,
) -> None:
    """Record what the run's folder is for; in a folder that has a run, check it is the same one.

    One difference is allowed: more epochs, with which the run goes on.

    Args:
        context: The run.
        start: What identifies the weights it starts from.
        provenance: What every checkpoint says about where it comes from, besides recipe, data and
            seed.
        stage: The one that may be made longer: ``pretrain`` or ``finetune``.
        minutes: The time that the epochs were chosen for, or None.

    Raises:
        UserError: The folder holds a run of another seed, data, start or recipe, or a longer one.
    """
    run, dataset, recipe = context.run, context.dataset, context.recipe
    identity = {
        "seed": context.seed,
        "data": dataset.fingerprint,
        **start,
        "recipe": recipe.model_dump(mode="json"),
    }
    known = run.read()
    if known:
        differing = _differences(_with_defaults(known["identity"]), identity)
        staged = stage == "pretrain" and len(recipe.pretrain.stages) > 1
        longer = len(differing) == 1 and differing[0].startswith(f"{stage}.epochs ")
        if longer and not staged:
            extend(context, stage, known, identity)
        elif differing:
            raise UserError(
                f"{run.path}: must be used for one run, but this one differs in "
                f"{'; '.join(differing)}{_STAGED if staged else ''}; choose another folder with "
                "--out, or start over with --fresh"
            )
        if "report" not in run.read()["finished"]:
            run.drop_report()
    else:
        run.forget_work()  # an interrupted --fresh may have left some
    run.write_text("recipe.toml", to_toml(recipe))
    if known:
        return
    if dataset.quarantined:
        lines = [f"{path}\t{reason}" for path, reason in dataset.quarantined]
        run.write_text("quarantine.txt", "\n".join(lines) + "\n")
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
                "seed": context.seed,
                "data_fingerprint": dataset.fingerprint,
                "edgessl": __version__,
            },
            "device": describe_device(context.device.type),
            "finished": {},
        }
    )


def _with_defaults(identity: dict[str, Any]) -> dict[str, Any]:
    """Return an identity with the defaults of keys that recipes did not have when it was written.

    Args:
        identity: Of an earlier run, perhaps with an older edgessl.
    """
    try:
        recipe = validate(Recipe, identity["recipe"], "run.json")
    except UserError:  # it has keys that are no more: the differences will say which
        return identity
    return {**identity, "recipe": recipe.model_dump(mode="json")}


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
