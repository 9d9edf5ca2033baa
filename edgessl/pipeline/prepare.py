"""What ``edgessl recipe`` is asked for, checked against images, weights and device before work."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgessl.data.dataset import Dataset
from edgessl.distributed import World
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.arms import default_baselines, refuse_startless
from edgessl.pipeline.asked import Asked
from edgessl.pipeline.claimed import ReadyRun
from edgessl.pipeline.lengths import with_asked_epochs
from edgessl.pipeline.misfits import refuse_misfits
from edgessl.pipeline.preflight import found, images_for, options, recipe_for
from edgessl.pipeline.source import Source, look_at
from edgessl.recipe import Recipe
from edgessl.reporter import Reporter


@dataclass(frozen=True, slots=True)
class Prepared(ReadyRun):
    """What a run is made of, before anything is written.

    Attributes:
        source: Where the first weights come from.
    """

    source: Source


def prepare(asked: Asked, world: World, reporter: Reporter) -> Prepared:
    """Check everything that is asked for, and say what was found; write nothing.

    Args:
        asked: By the user.
        world: The processes.
        reporter: Is told what was found.

    Raises:
        UserError: Something cannot be used; every mistake is told at once.
        EdgesslError: The weights cannot be downloaded.
    """
    init = asked.init
    baselines = default_baselines(init) if asked.baselines is None else asked.baselines
    refusals = Refusals()
    with refusals:
        refuse_both(asked.epochs, asked.minutes)
    with refusals:
        refuse_startless(baselines, init)
    sources = {"--data": asked.data}
    if asked.labels is not None:
        sources["--labels"] = asked.labels
    draft, device = options(
        asked.recipe, asked.overrides, baselines, asked.device, sources, world, refusals
    )
    _refuse_start(draft, init)
    source = look_at(init, draft, () if asked.fresh else _candidates(asked.out, draft))
    dataset = images_for(
        draft, asked.data, labels=asked.labels, label_percent=asked.label_percent,
        labels_per_class=asked.labels_per_class, seed=asked.seed, reading=asked.reading,
        reporter=reporter,
    )  # fmt: skip
    overrides = (*source.changes, *asked.overrides)
    recipe = recipe_for(asked.recipe, overrides, dataset, device, asked.size)
    recipe = with_asked_epochs(recipe, asked.epochs, reporter)
    _refuse_start(recipe, init)
    refuse_misfits(
        recipe, dataset, world, compiled=asked.compiled, lengths=asked.minutes is None
    )
    _say_found(dataset, reporter)
    for sentence in source.sentences:
        reporter.say(sentence)
    path = _folder(asked.out, dataset, recipe)
    return Prepared(
        source, recipe=recipe, dataset=dataset, device=device, path=path,
        baselines=_baselines(asked, baselines, recipe),
    )  # fmt: skip


def _baselines(asked: Asked, baselines: Sequence[str], recipe: Recipe) -> tuple[str, ...]:
    """Return what is trained for comparison: nothing beside a run that pretrains only."""
    if recipe.evaluate.finetunes:
        return tuple(baselines)
    wanted = [name for name in asked.baselines or () if name != "none"]
    if wanted:
        raise UserError(
            f"--baselines: must be none where evaluate.protocols has no 'finetune', because they "
            f"are fine-tuned, got {','.join(wanted)}; leave it out"
        )
    return ("none",)


def refuse_both(epochs: int | None, minutes: float | None) -> None:
    """Refuse a length that is given twice.

    Args:
        epochs: ``--epochs``, or None.
        minutes: ``--minutes``, or None.

    Raises:
        UserError: Both are given.
    """
    if epochs is not None and minutes is not None:
        raise UserError("--minutes: must be given without --epochs, got both; drop one of them")


def _refuse_start(recipe: Recipe, init: str) -> None:
    """Refuse weights that the method would not use, and none where it needs some."""
    if init != "none" and (reason := recipe.method.refuses_start()):
        raise UserError(f"--init {init}: must be left out, because {reason}")
    if init == "none" and (reason := recipe.method.needs_start()):
        raise UserError(
            f"--init: must be given, because {recipe.method.name} starts from weights: {reason}; "
            "pass --init imagenet, timm:NAME or a file"
        )


def _folder(out: str | Path | None, dataset: Dataset, recipe: Recipe) -> Path:
    return Path(out or Path("runs") / f"{dataset.name}-{recipe.name.replace(':', '-')}")


def _candidates(out: str | Path | None, recipe: Recipe) -> list[Path]:
    """Return where the run may be, as far as that is known without its images."""
    if out is not None:
        return [Path(out)]
    return sorted(Path("runs").glob(f"*-{glob.escape(recipe.name.replace(':', '-'))}"))


def _say_found(dataset: Dataset, reporter: Reporter) -> None:
    for sentence in found(dataset):
        reporter.say(sentence)
    if not dataset.classes:
        reporter.say("No labels: this run pretrains only, and keeps the backbone.")
