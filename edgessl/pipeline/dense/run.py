"""What runs of dense tasks share: which run a folder holds, and what is written down of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from edgessl import __version__
from edgessl.dense.task import Set
from edgessl.device import describe_device
from edgessl.errors import UserError
from edgessl.recipe.dense_table import DenseRecipe
from edgessl.recipe.load import to_toml
from edgessl.recipe.load_dense import recipe_of, task_of
from edgessl.recipe.load_transfer import refuse_unknown
from edgessl.recipe.transfer_table import DetectionTransfer, SegmentationTransfer
from edgessl.runs import trained_on
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import REPORT
from edgessl.start.general import open_start
from edgessl.start.origin import Given
from edgessl.start.source import IMAGENET, NONE
from edgessl.train.place.choose_engine import describe_engine
from edgessl.train.place.context import Workplace

AnyRecipe = DenseRecipe | DetectionTransfer | SegmentationTransfer
Recipe = TypeVar("Recipe", bound=AnyRecipe)
KEY = "dense"
"""What makes a run this one, in run.json."""


STARTS = {"random": NONE, "imagenet": IMAGENET}
"""What each arm of comparison starts from."""


def arms_of(baselines: Sequence[str], init: str) -> list[str]:
    """Return what is trained for comparison.

    Args:
        baselines: As the user named it.
        init: What the run itself starts from.

    Raises:
        UserError: One is none of ``STARTS``, or the run itself starts so.
    """
    arms = [one for one in baselines if one != NONE]
    for name in arms:
        if name not in STARTS:
            raise UserError(
                f"--baselines: must be of {', '.join(STARTS)} or none for boxes and masks, got "
                f"'{name}'"
            )
        if STARTS[name] == init:
            raise UserError(
                f"--baselines {name}: must be left out, because the run itself starts so "
                f"(--init {init})"
            )
    return arms


def recipe_for(task: str, start: str, recipe: str | None, backbone: str | None) -> str:
    """Return the recipe of a fine-tuning on boxes or masks.

    Args:
        task: ``detect`` or ``segment``.
        start: As of ``edgessl finetune``: a file of a run, or general weights.
        recipe: As asked for; None for the one declared for the start's backbone.
        backbone: What a file of others holds; None to find out.

    Raises:
        UserError: The start cannot be used, or there is no such recipe.
    """
    opened = open_start(start, backbone)
    if recipe is not None and task_of(recipe) != task:
        raise refuse_unknown(recipe, task)
    return recipe or recipe_of(opened.backbone, task)


def reopen(place: Workplace, arms: Sequence[str]) -> None:
    """Let a run be reported again that gets a comparison it did not have.

    Args:
        place: The run.
        arms: Names of the stages of its comparisons.
    """
    document = place.run.read()
    finished = document.get("finished", {})
    if REPORT in finished and any(name not in finished for name in arms):
        del finished[REPORT]
        place.run.write(document)
        place.run.drop_report()


def as_given(table: Recipe, given: Given | None) -> Recipe:
    """Normalise images as those that the weights were trained on were."""
    if given is None or given.origin.mean is None or given.origin.std is None:
        return table
    image = table.image.model_copy(update={"mean": given.origin.mean, "std": given.origin.std})
    return cast(Recipe, table.model_copy(update={"image": image}))


def with_length(recipe: Any, key: str, length: int) -> Any:
    """Return a recipe whose training has another length.

    Args:
        recipe: Of boxes or masks.
        key: ``epochs`` or ``iterations``.
        length: That many of them.
    """
    train = recipe.train.model_copy(update={key: length})
    return recipe.model_copy(update={"train": train})


def identity_of(
    table: AnyRecipe, images: Set, seed: int, init: str, given: Given | None
) -> dict[str, Any]:
    """Return what makes a run this run and no other, as plain values."""
    return {
        "seed": seed, "data": images.fingerprint, "init": init,
        "init_sha256": "" if given is None else given.origin.sha256,
        "recipe": table.model_dump(mode="json"),
    }  # fmt: skip


def refuse_other(folder: RunFolder, identity: dict[str, Any]) -> None:
    """Refuse a folder that has another run than the one that is wanted.

    Raises:
        UserError: It has; every difference is named.
    """
    document = folder.read()
    if not document:
        return
    known = document.get(KEY)
    differing = ["kind (another task before)"] if known is None else _differences(known, identity)
    if differing:
        raise UserError(
            f"{folder.path}: must be used for one run, but this one differs in "
            f"{'; '.join(differing)}; choose another folder with --out, or start over with --fresh"
        )


def _differences(known: Any, wanted: Any, where: str = "") -> list[str]:
    if isinstance(known, dict) and isinstance(wanted, dict):
        keys = sorted(known.keys() | wanted.keys())
        return [
            line for key in keys
            for line in _differences(known.get(key), wanted.get(key), f"{where}.{key}".strip("."))
        ]  # fmt: skip
    if known == wanted:
        return []
    return [f"{where.removeprefix('recipe.')} ({known} before, {wanted} now)"]


def record(
    place: Workplace, table: AnyRecipe, images: Set, identity: dict[str, Any], given: Given | None
) -> None:
    """Write down what a new run's folder is for; do nothing in a folder that has a run."""
    run = place.run
    if run.read():
        return
    run.forget_work()
    run.write_text("recipe.toml", to_toml(table))
    if images.left_out:
        run.write_text("quarantine.txt", "".join(f"{a}\t{b}\n" for a, b in images.left_out))
    digests = (one.digest for one in images.train)
    run.write_text(trained_on.NAME, trained_on.to_text(images.fingerprint, digests))
    weights = {"weights": given.origin.to_dict()} if given is not None else {}
    run.write({
        "edgessl": __version__, "identity": {}, KEY: identity,
        "engine": describe_engine(place.engine), "device": describe_device(place.device.type),
        "provenance": {
            "recipe": table.name, "data": images.source, "seed": place.seed,
            "init": identity["init"], "data_fingerprint": images.fingerprint,
            "edgessl": __version__, **weights,
        },
        "finished": {},
    })  # fmt: skip
