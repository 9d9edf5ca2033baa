"""A recipe in small: fewer epochs and images in proportion, for a trial of a long study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgessl.recipe.duration import durations
from edgessl.recipe.optim_tables import Optim
from edgessl.recipe.tables import Recipe

_FEWEST_IMAGES = 16
_FEWEST_STEPS = 4  # of an epoch, so that there is something to learn from
_FEWEST_IN_GROUP = 4  # images that batch norm sees together
_RATE_PLACES = 6


@dataclass(frozen=True, slots=True)
class Scale:
    """How small a trial is.

    Attributes:
        epochs: Share of the epochs, in (0, 1].
        images: Share of the images, in (0, 1].
    """

    epochs: float = 1.0
    images: float = 1.0

    @property
    def whole(self) -> bool:
        """Whether nothing is changed."""
        return self.epochs == 1.0 and self.images == 1.0


def scaled_pretraining(recipe: Recipe, scale: Scale, images: int) -> tuple[int, tuple[str, ...]]:
    """Return the epochs of a trial, and what is changed of its recipe, as ``KEY=VALUE``.

    Batches are no larger than a quarter of the images; rates that are given for the batch shrink
    with it. Groups and queues that no longer fit become the nearest that do.

    Args:
        recipe: As the paper has it.
        scale: How small.
        images: That pretraining would see.
    """
    seen = min(images, recipe.data.max_images or images)
    kept = _images(seen, scale)
    epochs = max(len(recipe.pretrain.stages) or 1, round(recipe.pretrain.epochs * scale.epochs))
    changes: dict[str, Any] = {}
    if kept < seen or recipe.data.max_images is not None:
        changes["data.max_images"] = kept
    for place, timed in (("optim", recipe.optim), ("method", recipe.method)):
        changes |= {
            f"{place}.{name}_epochs": _epochs(value * scale.epochs)
            for name in durations(timed)
            if (value := getattr(timed, f"{name}_epochs")) is not None
        }
    table = recipe.pretrain
    if table.keep_every_epochs is not None:
        snapshots = max(1, table.epochs // table.keep_every_epochs)
        changes["pretrain.keep_every_epochs"] = max(1, epochs // snapshots)
    batch = _batch(table.batch_size, kept)
    if batch != table.batch_size:
        changes["pretrain.batch_size"] = batch
        changes |= _rate("optim", recipe.optim, batch / table.batch_size)
    micro = batch // table.accumulate
    changes["pretrain.batchnorm_groups"] = _groups(table.batchnorm_groups, micro)
    changes |= {
        f"method.{key}": _groups(count, micro) for key, count in recipe.method.batch_parts().items()
    }
    queue = getattr(recipe.method, "queue", 0)
    if queue and queue > kept:
        changes["method.queue"] = max(1, kept // batch) * batch
    changes |= {
        f"pretrain.stages.{number}.batch_size": _batch(stage.batch_size, kept)
        for number, stage in enumerate(table.stages) if stage.batch_size is not None
    }  # fmt: skip
    return epochs, _as_changes(changes)


def scaled_finetuning(recipe: Recipe, scale: Scale, images: int) -> tuple[str, ...]:
    """Return what is changed of a recipe's fine-tuning in a trial, as ``KEY=VALUE``.

    Args:
        recipe: As the paper has it.
        scale: How small.
        images: Labelled ones that it would have, of the trial.
    """
    table = recipe.finetune
    changes: dict[str, Any] = {"finetune.epochs": max(1, round(table.epochs * scale.epochs))}
    batch = _batch(table.batch_size, images)
    if batch != table.batch_size:
        changes["finetune.batch_size"] = batch
        changes |= _rate("finetune.optim", table.optim, batch / table.batch_size)
        if table.regrow is not None:
            share = batch / table.batch_size
            changes |= _rate("finetune.regrow.optim", table.regrow.optim, share)
    changes["finetune.batchnorm_groups"] = _groups(
        table.batchnorm_groups, batch // table.accumulate
    )
    places = [("finetune.optim", table.optim, scale.epochs)]
    if table.head_warmup_epochs is not None:
        warmup = _epochs(table.head_warmup_epochs * scale.epochs)
        changes["finetune.head_warmup_epochs"] = warmup
    if table.regrow is not None:
        changes["finetune.regrow.epochs"] = max(1, round(table.regrow.epochs * scale.epochs))
        places.append(("finetune.regrow.optim", table.regrow.optim, scale.epochs))
    for place, optim, share in places:
        if optim.warmup_epochs is not None:
            changes[f"{place}.warmup_epochs"] = _epochs(optim.warmup_epochs * share)
    return _as_changes(changes)


def _images(count: int, scale: Scale) -> int:
    return min(count, max(_FEWEST_IMAGES, round(count * scale.images)))


def _epochs(value: float) -> float:
    return round(float(value), 3)


def _batch(batch_size: int, images: int) -> int:
    """Return a batch of which an epoch has several; a multiple of 8 where it is cut down."""
    largest = max(8, images // _FEWEST_STEPS // 8 * 8)
    return min(batch_size, largest)


def _groups(groups: int, batch: int) -> int:
    fits = batch % groups == 0 and batch // groups >= _FEWEST_IN_GROUP
    return groups if groups == 1 or fits else 1


def _rate(place: str, optim: Optim, share: float) -> dict[str, float]:
    """Shrink a rate that is given for the batch; one for so many images follows by itself."""
    if optim.lr_batch != 0:
        return {}
    return {f"{place}.lr": float(f"{optim.lr * share:.{_RATE_PLACES}g}")}


def _as_changes(changes: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{key}={value}" for key, value in changes.items())
