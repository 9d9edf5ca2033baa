"""What ``edgessl recipe`` is asked for, checked against images, weights and device before work."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from edgessl.data.dataset import Dataset
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.distributed import World
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.arms import default_baselines, refuse_startless
from edgessl.pipeline.lengths import with_asked_epochs
from edgessl.pipeline.misfits import refuse_misfits
from edgessl.pipeline.preflight import found, images_for, options, recipe_for
from edgessl.pipeline.source import Source, look_at
from edgessl.recipe import Recipe
from edgessl.reporter import Reporter


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asks of a run, as of ``edgessl.run``.

    Attributes:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        data: Where the images are.
        labels: Where the labels are; None where ``data`` has them, or nothing.
        label_percent: Share of them; None for all.
        labels_per_class: Or how many of each class.
        out: Run folder; None for ``runs/DATA-RECIPE``.
        epochs: Pretraining epochs; None for the recipe's.
        minutes: Time for the whole run; None for as long as it takes.
        seed: Decides everything random.
        size: Side of images in px; None for the recipe's.
        reading: How the images are to be read.
        device: One of ``device.NAMES``.
        init: Weights to start from, or ``none``.
        baselines: What to train for comparison; None for what fits ``init``.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Whether a run that lies in the folder is given up.
        compiled: Whether backbones are compiled.
    """

    recipe: str
    data: str
    labels: str | None = None
    label_percent: float | None = None
    labels_per_class: int | None = None
    out: str | Path | None = None
    epochs: int | None = None
    minutes: float | None = None
    seed: int = 0
    size: int | None = None
    reading: Reading = AS_FOUND
    device: str = "auto"
    init: str = "none"
    baselines: tuple[str, ...] | None = None
    overrides: tuple[str, ...] = ()
    fresh: bool = False
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run is made of, before anything is written.

    Attributes:
        recipe: Resolved for the images and the device.
        dataset: The images, split.
        source: Where the first weights come from.
        device: Where it trains.
        path: The run folder, which need not be there.
        baselines: What is trained for comparison.
    """

    recipe: Recipe
    dataset: Dataset
    source: Source
    device: torch.device
    path: Path
    baselines: tuple[str, ...]


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
    return Prepared(recipe, dataset, source, device, path, _baselines(asked, baselines, recipe))


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
