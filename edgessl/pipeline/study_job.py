"""The runs that a row of a study needs: what is pretrained, and how it is fine-tuned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgessl.errors import UserError
from edgessl.pipeline.study_sets import Counts, Sets, counts_of, sets_of, short_name
from edgessl.recipe import Recipe, load_recipe
from edgessl.recipe.scaled import Scale, scaled_finetuning, scaled_pretraining
from edgessl.recipe.study import WITHOUT_TRAINING, Network, Row, Study, load_study
from edgessl.reporter import Reporter

RUNS = "runs"
"""In a study's folder: its run folders."""

WHOLE = Scale()

_FINETUNED = ("finetune", "finetune_top5")
_ALONE = 'evaluate.protocols=[]'
_TUNED = 'evaluate.protocols=["finetune"]'


@dataclass(frozen=True, slots=True)
class Asked:
    """How a study is to be run.

    Attributes:
        sets: What stands for the paper's sets.
        scale: How small.
        size: Side of images in px; None for the recipes'.
        seed: Decides everything random.
        device: One of ``device.NAMES``.
        overrides: ``KEY=VALUE`` changes to every recipe.
        compiled: Whether backbones are compiled.
    """

    sets: Sets
    scale: Scale = WHOLE
    size: int | None = None
    seed: int = 0
    device: str = "auto"
    overrides: tuple[str, ...] = ()
    compiled: bool = False


class Counting:
    """Counts the images of a source when they are first asked for.

    Args:
        reporter: Shows progress.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._found: dict[str, Counts] = {}

    def __call__(self, source: str) -> Counts:
        """Return the counts of a source.

        Args:
            source: Where the images are.

        Raises:
            UserError: They cannot be used.
        """
        if source not in self._found:
            self._found[source] = counts_of(source, self._reporter)
        return self._found[source]

    def known(self, source: str) -> bool:
        """Tell whether they were asked for.

        Args:
            source: Where the images are.
        """
        return source in self._found


def prepare_study(
    name: str, data: str | Sequence[str], transfer: str | None, scale: float,
    scale_images: float | None, out: str | Path | None, size: int | None, seed: int, device: str,
    overrides: Sequence[str], compiled: bool,
) -> tuple[Study, Asked, Path]:  # fmt: skip
    """Check what is asked for, before any image is read.

    Args:
        name: As of ``study``, like all others.
        data: Where the images are.
        transfer: What every row is scored on.
        scale: Share of epochs and images.
        scale_images: Share of images.
        out: The study's folder.
        size: Side of images in px.
        seed: Decides everything random.
        device: Where to train.
        overrides: Changes to every recipe.
        compiled: Whether backbones are compiled.

    Raises:
        UserError: Something cannot be used.
    """
    found = load_study(name)
    given = (data,) if isinstance(data, str) else tuple(data)
    images = scale if scale_images is None else scale_images
    for option, value in (("--scale", scale), ("--scale-images", images)):
        if not 0 < value <= 1:
            raise UserError(f"{option}: must be above 0 and up to 1, got {value:g}")
    sets = sets_of(given, transfer, found.sets)
    asked = Asked(sets, Scale(scale, images), size, seed, device, tuple(overrides), compiled)
    first = short_name(sets.whole or next(iter(sets.named.values())))
    return found, asked, Path(out or Path("runs") / f"{first}-{Path(name).stem}")


@dataclass(frozen=True, slots=True)
class Pretraining:
    """A run that pretrains only; rows that need the same one share it.

    Attributes:
        recipe: ``NAME`` or ``NAME:VARIANT``.
        data: Where the images are.
        epochs: Of pretraining; None for the recipe's.
        overrides: ``KEY=VALUE`` changes.
        folder: Name of its run folder.
    """

    recipe: str
    data: str
    epochs: int | None
    overrides: tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True)
class Tuning:
    """A fine-tuning of such a run, or of given weights.

    Attributes:
        start: The pretraining, or weights as ``edgessl finetune`` takes them.
        recipe: Whose ``[finetune]`` is taken.
        data: Where the labelled images are.
        label_percent: Share of their labels; None for all.
        labels_per_class: Or how many of each class.
        overrides: ``KEY=VALUE`` changes.
        folder: Name of its run folder.
    """

    start: Pretraining | str
    recipe: str
    data: str
    label_percent: float | None
    labels_per_class: int | None
    overrides: tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True)
class Job:
    """All that a row needs.

    Attributes:
        row: The row.
        pretraining: What is pretrained; None for nothing.
        tuning: What is fine-tuned; None for nothing.
        fused: Further networks whose features are laid beside.
        scored_on: Where the images are that are scored.
    """

    row: Row
    pretraining: Pretraining | None
    tuning: Tuning | None
    fused: tuple[Pretraining, ...]
    scored_on: str

    @property
    def pretrainings(self) -> tuple[Pretraining, ...]:
        """All runs that pretrain."""
        own = () if self.pretraining is None else (self.pretraining,)
        return (*own, *self.fused)

    @property
    def identity(self) -> str:
        """What tells it apart from a job with another answer."""
        return _hash(repr(self))


def job_of(row: Row, study: Study, asked: Asked, counts: Counting) -> Job:
    """Say which runs a row needs.

    Args:
        row: The row.
        study: It is part of.
        asked: How the study is to be run.
        counts: Of the images of a source; called only where they matter.

    Raises:
        UserError: A recipe or a set cannot be used.
    """
    own = asked.sets.source(row.data or study.data)
    if row.pool:
        parts = (f"{asked.sets.source(part.data)}:{_share(part.images, study, asked, counts)}"
                 for part in row.pool)  # fmt: skip
        own = "+".join(parts)
    scored_on = asked.sets.transfer or asked.sets.source(row.transfer or row.data or study.data)
    if row.score in WITHOUT_TRAINING:
        return Job(row, None, None, (), scored_on)
    pretraining = None if row.start else _pretraining(row, own, study, asked, counts)
    fused = tuple(
        _pretraining(one, asked.sets.source(one.data or study.data), study, asked, counts)
        for one in row.fuse
    )
    tuning = None
    if row.score in _FINETUNED or row.start:
        start = row.start or pretraining
        assert start is not None
        tuning = _tuning(row, start, scored_on, study, asked, counts)
    return Job(row, pretraining, tuning, fused, scored_on)


def _share(count: int, study: Study, asked: Asked, counts: Counting) -> int:
    """Take a count of images in proportion to our set, where the study says how large theirs is."""
    if study.images is None:
        return max(1, round(count * asked.scale.images))
    ours = counts(asked.sets.source(study.data)).train
    return max(16, round(count * min(1.0, ours / study.images) * asked.scale.images))


def _pretraining(
    network: Network, data: str, study: Study, asked: Asked, counts: Counting
) -> Pretraining:
    changes = (*network.set, *asked.overrides)
    recipe = load_recipe(network.recipe, overrides=changes)
    epochs = None
    if "+" not in data:
        changes = (*network.set, *_in_proportion(recipe, study, counts, data), *asked.overrides)
        recipe = load_recipe(network.recipe, overrides=changes)
    if not asked.scale.whole:
        images = counts(data).pretraining
        scale = asked.scale if "+" not in data else Scale(asked.scale.epochs)
        epochs, smaller = scaled_pretraining(recipe, scale, images)
        changes = (*changes, *smaller)
    changes = (*changes, _ALONE)
    folder = _folder(network.recipe, data, repr((changes, epochs, asked.size, asked.seed)))
    return Pretraining(network.recipe, data, epochs, changes, folder)


def _in_proportion(
    recipe: Recipe, study: Study, counts: Counting, data: str
) -> tuple[str, ...]:
    """Take a recipe's counts of images and classes in proportion to our set."""
    table, changes = recipe.data, []
    if table.max_images is not None and study.images is not None:
        share = counts(data).pretraining / study.images
        if share < 1:
            changes.append(f"data.max_images={max(16, round(table.max_images * share))}")
    if table.max_classes is not None and study.classes is not None:
        share = counts(data).classes / study.classes
        if share < 1:
            changes.append(f"data.max_classes={max(2, round(table.max_classes * share))}")
    return tuple(changes)


def _tuning(
    row: Row, start: Pretraining | str, data: str, study: Study, asked: Asked,
    counts: Counting,
) -> Tuning:  # fmt: skip
    name = row.finetune or row.recipe
    own = () if row.finetune else row.set
    changes = (*own, *row.finetune_set, *asked.overrides)
    recipe = load_recipe(name, overrides=changes)
    percent, per_class = row.label_percent, None
    if row.labels is not None:
        per_class = _per_class(row.labels, data, study, counts)
    if not asked.scale.whole:
        found = counts(data)
        whole = found.train if per_class is None else per_class * found.classes
        share = (percent or 100.0) / 100 * asked.scale.images
        if per_class is not None:
            per_class = max(1, round(per_class * asked.scale.images))
            kept = per_class * found.classes
        else:
            percent = None if share >= 1 else 100 * share
            kept = max(2 * found.classes, round(whole * share))
        changes = (*changes, *scaled_finetuning(recipe, asked.scale, kept))
    changes = (*changes, _TUNED)
    what = repr((start, changes, percent, per_class, asked.size, asked.seed))
    folder = _folder(name, data, what)
    return Tuning(start, name, data, percent, per_class, changes, f"{folder}-tuned")


def _per_class(labels: int, data: str, study: Study, counts: Counting) -> int:
    found = counts(data)
    share = 1.0 if study.images is None else min(1.0, found.train / study.images)
    return max(1, round(labels * share / max(1, found.classes)))


def _folder(recipe: str, data: str, rest: str) -> str:
    place = "-".join(short_name(part) for part in data.split("+"))
    return f"{Path(recipe.replace(':', '-')).stem}-{place[:60]}-{_hash(rest + data)}"


def _hash(text: str) -> str:
    return hashlib.sha1(json.dumps(text).encode(), usedforsecurity=False).hexdigest()[:10]
