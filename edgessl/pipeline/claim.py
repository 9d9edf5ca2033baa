"""A run folder belongs to one run: what it is for is recorded, and another run is refused."""

from __future__ import annotations

from typing import Any

from edgessl import __version__
from edgessl.device import describe_device
from edgessl.errors import UserError
from edgessl.pipeline.context import Context
from edgessl.recipe import to_toml


def claim(
    context: Context,
    start: dict[str, Any],
    provenance: dict[str, Any],
    *,
    epochs_of_minutes: int | None = None,
) -> None:
    """Record what the run's folder is for; in a folder that has a run, check it is the same one.

    Args:
        context: The run.
        start: What identifies the weights it starts from.
        provenance: What every checkpoint says about where it comes from, besides recipe, data and
            seed.
        epochs_of_minutes: Pretraining epochs that a time was turned into, or None.

    Raises:
        UserError: The folder holds a run of another seed, data, start or recipe.
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
        differing = _differences(known["identity"], identity)
        if differing:
            raise UserError(
                f"{run.path}: must be used for one run, but this one differs in "
                f"{'; '.join(differing)}; choose another folder with --out, or start over "
                "with --fresh"
            )
        return
    run.write_text("recipe.toml", to_toml(recipe))
    if dataset.quarantined:
        lines = [f"{path}\t{reason}" for path, reason in dataset.quarantined]
        run.write_text("quarantine.txt", "\n".join(lines) + "\n")
    run.write(
        {
            "edgessl": __version__,
            "identity": identity,
            "epochs_of_minutes": epochs_of_minutes,
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
