"""Which images of a set pretraining sees, and which labels it learns from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgessl.data.dataset import Dataset, Lesson
from edgessl.data.divide import draw_images, ranked
from edgessl.errors import UserError


@dataclass(frozen=True, slots=True)
class Choice:
    """What pretraining is to see.

    Attributes:
        images: Most images, drawn of all that are left by the others; None for all.
        classes: Most classes; None for all, and images without label too.
        labels: The label to learn by class; None for a method that learns without labels.
    """

    images: int | None = None
    classes: int | None = None
    labels: Mapping[str, str] | None = None


def refuse_unlabelled(dataset: Dataset, asked_by: str) -> None:
    """Refuse images without one label each.

    Args:
        dataset: What the user has.
        asked_by: What needs the labels, in words.

    Raises:
        UserError: They have none, or several each.
    """
    if dataset.classes and not dataset.tags:
        return
    found = "several an image" if dataset.tags else "none"
    raise UserError(
        f"{dataset.source}: must have one label an image for {asked_by}, found {found}; give one "
        "folder per class or a manifest with labels, or take a recipe of another method, such as "
        "mobilenetv2-dino, which learns without labels"
    )


def choose_pretraining(dataset: Dataset, choice: Choice, seed: int) -> Dataset:
    """Return a dataset that says which images pretraining sees, and their labels.

    Args:
        dataset: With all of them.
        choice: Which are wanted.
        seed: Chooses images and classes.

    Raises:
        UserError: There are no labels where they are needed, or fewer than two are left.

    Source:
        Subsets of images: S3L, section 4.3, and Cole et al.; of classes: AIRL's supplement, 2.2.
    """
    if choice.labels is None and choice.classes is None:
        return _drawn(dataset, list(range(len(dataset.everything))), choice.images, seed)
    refuse_unlabelled(
        dataset, "supervised pretraining" if choice.labels is not None else "data.max_classes"
    )
    notes, classes = [], dataset.classes
    if choice.classes is not None:
        classes = draw_classes(dataset.classes, choice.classes, seed)
        notes.append(f"Pretraining sees {len(classes)} of {len(dataset.classes)} classes.")
    if len(dataset.unlabeled):
        notes.append(
            f"{len(dataset.unlabeled)} images without label are left out of pretraining."
        )
    if choice.labels is not None and choice.labels.keys() != set(choice.labels.values()):
        notes.append(f"Pretraining learns {len(set(choice.labels.values()))} coarser labels.")
    wanted = {dataset.classes.index(name) for name in classes}
    positions = [i for i, label in enumerate(dataset.train.labels or ()) if label in wanted]
    told = replace(dataset, notes=(*dataset.notes, *notes))
    seen = _drawn(told, positions, choice.images, seed)
    return seen if choice.labels is None else replace(seen, lesson=_lesson(seen, choice.labels))


def draw_classes(classes: tuple[str, ...], count: int, seed: int) -> tuple[str, ...]:
    """Choose classes uniformly, in their order; with one seed smaller choices lie in larger ones.

    Args:
        classes: All of them.
        count: How many to choose, at most.
        seed: Another seed gives another choice.
    """
    chosen = set(ranked(classes, f"classes {seed}")[:count])
    return tuple(name for name in classes if name in chosen)


def _drawn(dataset: Dataset, positions: list[int], count: int | None, seed: int) -> Dataset:
    """Let pretraining see some of the positions in ``everything``."""
    whole, notes = len(positions), dataset.notes
    if count is not None and count < whole:
        digests = dataset.everything.digests
        rows = draw_images([digests[i] for i in positions], count, seed)
        positions = [positions[row] for row in rows]
        notes = (*notes, f"Pretraining sees {count} of {whole} images, drawn at random.")
    everything = len(positions) == len(dataset.everything)
    return replace(dataset, drawn=None if everything else tuple(positions), notes=notes)


def _lesson(dataset: Dataset, labels: Mapping[str, str]) -> Lesson:
    """Return the labels of the images that pretraining sees; only those that occur count."""
    own, all_of = dataset.train.labels or (), range(len(dataset.everything))
    seen = all_of if dataset.drawn is None else dataset.drawn
    found = [labels[dataset.classes[own[i]]] for i in seen]
    names = tuple(sorted(set(found)))
    if len(names) < 2:
        raise UserError(
            f"{dataset.source}: must leave supervised pretraining at least two labels to learn, "
            f"found {', '.join(names)} alone; take another data.labels, or more images"
        )
    index = {name: i for i, name in enumerate(names)}
    return Lesson(names, tuple(index[name] for name in found))
