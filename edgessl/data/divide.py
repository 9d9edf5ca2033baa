"""Which images are train, val and test, where the set does not say."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from edgessl.data.dataset import SPLIT_NAMES, SplitName
from edgessl.data.groups import Groups, hold_out_groups
from edgessl.data.label_budget import LabelBudget
from edgessl.data.sample import Sample, torn_contents
from edgessl.errors import UserError

_PRIORITY: tuple[SplitName, ...] = ("test", "val", "train", "unlabeled")


Splits = dict[SplitName, list[Sample]]


def hold_out(
    samples: Iterable[Sample], percent: float, *, salt: str, least_from: int
) -> frozenset[str]:
    """Choose contents to hold out, the same share of every class.

    Contents are ranked by a hash, so the choice depends on neither names nor order. A content that
    appears under two classes is never held out. At least one content per class always stays.

    Args:
        samples: Labelled images.
        percent: Share of each class's distinct contents, rounded to the nearest count.
        salt: Another word gives another, independent choice.
        least_from: Classes of at least this many contents give at least one.

    Returns:
        Digests of the contents held out.
    """
    samples = list(samples)
    torn = torn_contents(samples)
    labels = {sample.digest: sample.label for sample in samples if sample.digest not in torn}
    members: dict[str | None, list[str]] = defaultdict(list)
    for digest, name in labels.items():
        members[name].append(digest)
    chosen: set[str] = set()
    for digests in members.values():
        total = len(digests)
        count = int(total * percent / 100 + 0.5)
        if percent > 0 and total >= least_from:
            count = max(count, 1)
        chosen.update(ranked(digests, salt)[: min(count, total - 1)])
    return frozenset(chosen)


def keep_labels(samples: Iterable[Sample], budget: LabelBudget, seed: int) -> frozenset[str]:
    """Choose contents that keep their label, of every class as the budget says.

    With one seed a smaller budget is part of every larger one.

    Args:
        samples: Labelled images.
        budget: How many of each class's distinct contents.
        seed: Another seed gives another choice.

    Returns:
        Digests of the contents whose labels are kept.
    """
    members: dict[str | None, set[str]] = defaultdict(set)
    for sample in samples:
        members[sample.label].add(sample.digest)
    kept: set[str] = set()
    for digests in members.values():
        kept.update(ranked(digests, f"label {seed}")[: budget.count(len(digests))])
    return frozenset(kept)


def draw_images(digests: Sequence[str], count: int, seed: int) -> tuple[int, ...]:
    """Choose images uniformly, without replacement.

    With one seed a smaller choice is part of every larger one: each is the beginning of one order.

    Args:
        digests: Of the images.
        count: How many to choose, at most all.
        seed: Another seed gives another order.

    Returns:
        Their positions, ascending.

    Source:
        Cole et al., CVPR 2022: nested sets, drawn once; Cao & Wu 2021 (S3L): small ImageNet.
    """
    rank = {digest: place for place, digest in enumerate(ranked(set(digests), f"draw {seed}"))}
    order = sorted(range(len(digests)), key=lambda i: (rank[digests[i]], i))
    return tuple(sorted(order[:count]))


def separate(
    splits: Mapping[SplitName, list[Sample]],
) -> tuple[Splits, dict[SplitName, int]]:
    """Drop files whose content is also in a split that comes first: test, val, train, unlabeled.

    Args:
        splits: Images of each split.

    Returns:
        The splits without such files, and how many each one lost.
    """
    taken: set[str] = set()
    kept: Splits = {}
    lost: dict[SplitName, int] = {}
    for name in _PRIORITY:
        kept[name] = [sample for sample in splits[name] if sample.digest not in taken]
        lost[name] = len(splits[name]) - len(kept[name])
        taken.update(sample.digest for sample in kept[name])
    return kept, lost


def ranked(words: Iterable[str], salt: str) -> list[str]:
    """Return words in an order that looks random, and depends on nothing but them and the salt.

    Args:
        words: Digests, or names.
        salt: Another word gives another, independent order.
    """

    def rank(word: str) -> bytes:
        return hashlib.sha1(f"{salt} {word}".encode(), usedforsecurity=False).digest()

    return sorted(words, key=rank)


TEST_PERCENT = 20.0
WHAT_VAL_IS_FOR = "every choice is made on them, test is read once at the end."


def without_val(notes: Iterable[str]) -> list[str]:
    """Leave out what is said of a ``val`` that was made, where nothing is chosen on it.

    Args:
        notes: Of a dataset.
    """
    return [note for note in notes if not note.endswith(WHAT_VAL_IS_FOR)]



def divide(
    splits: Splits, source: str, val_percent: float, official: bool, groups: Groups | None = None
) -> tuple[Splits, list[str]]:
    """Give every sound image its split.

    Args:
        splits: The images as their source puts them.
        source: What the user passed, for messages.
        val_percent: Share of each class of train that becomes ``val`` where there is none.
        official: Whether the splits are a benchmark's and stay as they are.
        groups: Images that are held out together; None to hold them out one by one.

    Returns:
        The final splits, and what was decided, one sentence each.

    Raises:
        UserError: Fewer than two classes, test classes that train lacks, or groups so large that
            none can be held out.
    """
    notes: list[str] = []
    if not any(sample.label for name in SPLIT_NAMES for sample in splits[name]):
        return _without_labels(splits)
    apart, lost = separate(splits)
    fate = "stay there, as the official split has it" if official else "were dropped from it"
    for name, count in lost.items():
        if count:
            notes.append(f"{count} image(s) of {name} are also in another split; they {fate}.")
    splits = splits if official else apart
    left_out = sum(sample.label is None for sample in splits["test"])
    if left_out:
        notes.append(f"{left_out} test image(s) without a label are left out.")
        splits = {**splits, "test": [s for s in splits["test"] if s.label is not None]}
    if not splits["test"] and groups:
        splits, what = carve_groups(splits, "test", TEST_PERCENT, groups, source)
        notes.append(f"There is no test split: {what}, are held out.")
    elif not splits["test"]:
        splits = carve(splits, "test", TEST_PERCENT, least_from=2)
        notes.append(
            f"There is no test split: {TEST_PERCENT:g} % of each class, {len(splits['test'])} "
            "images, are held out by content."
        )
    _check_classes(source, splits)
    if splits["val"] and groups:
        notes.append(f"{source} has a val split, so --val-group changes nothing of it.")
    elif not splits["val"] and val_percent > 0 and groups:
        splits, what = carve_groups(splits, "val", val_percent, groups, source)
        notes.append(f"{what}, are held out as val: {WHAT_VAL_IS_FOR}")
    elif not splits["val"] and val_percent > 0:
        splits = carve(splits, "val", val_percent, least_from=5)
        notes.append(
            f"{len(splits['val'])} training images, {val_percent:g} % of each class, are held out "
            f"by content as val: {WHAT_VAL_IS_FOR}"
            if splits["val"]
            else "The classes are too small to hold out a val split."
        )
    if torn := torn_contents(s for part in splits.values() for s in part if s.label):
        notes.append(
            f"{len(torn)} image(s) appear under more than one class: correct their labels."
        )
    return splits, notes


def forget_labels(
    splits: Splits, source: str, classes: tuple[str, ...], budget: LabelBudget, seed: int
) -> tuple[Splits, str]:
    """Keep some of the training labels; the other training images become unlabelled.

    Args:
        splits: The final splits.
        source: What the user passed, for messages.
        classes: Class names; empty without labels.
        budget: How many are kept.
        seed: Chooses them.

    Returns:
        The splits, and a sentence about them.

    Raises:
        UserError: There are no labels.
    """
    if not classes:
        raise UserError(f"{budget.option}: must come with labels, got none in {source}; drop it")
    kept = keep_labels(splits["train"], budget, seed)
    train = [sample for sample in splits["train"] if sample.digest in kept]
    rest = [Sample(s.digest, None, s.path) for s in splits["train"] if s.digest not in kept]
    note = (
        f"{len(train)} of {len(splits['train'])} training labels are kept ({budget}); the "
        f"other {len(rest)} images are used without label."
    )
    return {**splits, "train": train, "unlabeled": splits["unlabeled"] + rest}, note


def _without_labels(splits: Splits) -> tuple[Splits, list[str]]:
    splits, _ = separate(splits)
    notes = ["There are no labels, so this is for pretraining only."]
    if splits["test"]:
        notes.append(f"{len(splits['test'])} test image(s) without a label are left out.")
    return {"train": splits["unlabeled"], "val": [], "test": [], "unlabeled": []}, notes


def carve(splits: Splits, name: SplitName, percent: float, least_from: int) -> Splits:
    """Hold a share of every class of ``train`` out as another split.

    Args:
        splits: The images.
        name: Of the split that is made.
        percent: Share of each class's distinct contents.
        least_from: Classes of at least this many contents give at least one.
    """
    held = hold_out(splits["train"], percent, salt=name, least_from=least_from)
    return {
        **splits,
        "train": [sample for sample in splits["train"] if sample.digest not in held],
        name: [sample for sample in splits["train"] if sample.digest in held],
    }


def carve_groups(
    splits: Splits, name: SplitName, percent: float, groups: Groups, source: str
) -> tuple[Splits, str]:
    """Hold whole groups out of ``train``, and say how many.

    Args:
        splits: The images.
        name: Of the split that is made.
        percent: Share of the images, about.
        groups: Which images belong together.
        source: What the user passed, for messages.

    Raises:
        UserError: They are so large that none can be held out.
    """
    train = splits["train"]
    held, count = hold_out_groups(train, groups, percent, salt=name)
    if not held:
        raise UserError(
            f"--val-group {groups.by}: must leave at least half of every class when one of the "
            f"{groups.words} is held out, got none in {source} that does; drop --val-group"
        )
    parts = {
        **splits,
        "train": [sample for sample in train if sample.digest not in held],
        name: [sample for sample in train if sample.digest in held],
    }
    share = 100 * len(parts[name]) / len(train)
    what = f"{count} whole {groups.words}, {len(parts[name])} training images ({share:.0f} %)"
    missing = {s.label for s in train} - {s.label for s in parts[name]}
    if missing:
        what += f", with none of {len(missing)} classes that lie in too few"
    return parts, what


def _check_classes(source: str, splits: Splits) -> None:
    known = {sample.label for sample in splits["train"] if sample.label}
    for name in ("test", "val"):
        unknown = sorted({s.label for s in splits[name] if s.label} - known)
        if unknown:
            raise UserError(
                f"{source}: every class of {name} must also be in train, got "
                f"{len(unknown)} that train lacks: {', '.join(unknown)}; rename or remove them"
            )
    if len(known) < 2:
        got = f"1 ('{next(iter(known))}')" if known else "none"
        raise UserError(
            f"{source}: must hold at least 2 classes, got {got}; "
            "add class folders, or move the images to unlabeled/ to use them without labels"
        )
