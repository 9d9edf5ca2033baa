"""From a row of a study to the runs that it needs."""

from __future__ import annotations

from edgessl.errors import UserError
from edgessl.pipeline.snapshots import snapshots
from edgessl.pipeline.study.asked import Asked, Counting
from edgessl.pipeline.study.folders import folder_of
from edgessl.pipeline.study.job import Job, Pretraining, Rescaling, Tuning
from edgessl.pipeline.study.protocol import transferring
from edgessl.pipeline.study.weights import file_of as file_of_weights
from edgessl.pipeline.study.weights import init_of
from edgessl.recipe import Recipe, load_recipe
from edgessl.recipe.scaled import Scale, scaled_finetuning, scaled_pretraining
from edgessl.recipe.study import Study
from edgessl.recipe.study_row import OF_FINETUNED, WITHOUT_TRAINING, Network, Row
from edgessl.runs.snapshots import file_of
from edgessl.runs.stages import PRETRAIN
from edgessl.start.source import NONE

_ALONE = 'evaluate.protocols=[]'
_TUNED = 'evaluate.protocols=["finetune"]'


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
        return Job(row, None, None, None, (), scored_on)
    given = None if row.start is None else file_of_weights(row.start, study, asked.weights)
    pretraining = None if given else _pretraining(row, own, study, asked, counts)
    fused = tuple(
        _pretraining(one, asked.sets.source(one.data or study.data), study, asked, counts)
        for one in row.fuse
    )
    rescaled = None
    if row.rescale is not None or row.anchor is not None:
        anchor = None if row.anchor is None else _pretraining(
            row.anchor, asked.sets.source(row.anchor.data or study.data), study, asked, counts
        )  # fmt: skip
        rescaled = Rescaling(row.rescale, anchor)
    tuning, under, network = None, None, PRETRAIN.file
    if row.snapshot is not None and pretraining is not None:
        network = _snapshot(row, row.snapshot, pretraining, asked)
    start, weights = given or pretraining, ""
    assert start is not None
    file = network if rescaled is None else rescaled.file
    if row.protocol:
        scored_on = asked.sets.source(row.transfer)
        under = transferring(row, start, file, scored_on, asked)
    elif row.score in OF_FINETUNED:
        tuning = _tuning(row, start, file, scored_on, study, asked, counts)
    elif given:
        weights = given
    return Job(row, pretraining, tuning, rescaled, fused, scored_on, network, under, weights)


def _snapshot(row: Row, epoch: int, pretraining: Pretraining, asked: Asked) -> str:
    """Return the snapshot of an epoch; of a trial the one at the same place in its order."""
    whole = load_recipe(row.recipe, overrides=(*row.set, *asked.overrides)).pretrain
    if whole.keep_every_epochs is None or epoch % whole.keep_every_epochs:
        raise UserError(
            f"{row.name}: must be of an epoch that pretrain.keep_every_epochs keeps, got {epoch} "
            f"of every {whole.keep_every_epochs}; set it to a divisor"
        )
    own = load_recipe(pretraining.recipe, overrides=pretraining.overrides).pretrain
    every, epochs = own.keep_every_epochs or 1, pretraining.epochs or own.epochs
    kept = snapshots(epochs, every)
    return file_of(every * max(1, min(epoch // whole.keep_every_epochs, kept)))


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
    init = init_of(network.init, study, asked.weights)
    what = repr((changes, epochs, asked.size, asked.seed)) + init.removeprefix(NONE)
    folder = folder_of(network.recipe, data, what)
    return Pretraining(network.recipe, data, epochs, changes, folder, init)


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
    row: Row, start: Pretraining | str, file: str, data: str, study: Study, asked: Asked,
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
    what = repr((start, file, changes, percent, per_class, asked.size, asked.seed))
    folder = folder_of(name, data, what)
    return Tuning(start, name, data, percent, per_class, changes, f"{folder}-tuned", file)


def _per_class(labels: int, data: str, study: Study, counts: Counting) -> int:
    found = counts(data)
    share = 1.0 if study.images is None else min(1.0, found.train / study.images)
    return max(1, round(labels * share / max(1, found.classes)))
