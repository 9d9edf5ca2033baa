"""From what the user typed to a dataset."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from edgessl.data.class_names import refuse_unprintable
from edgessl.data.dataset import SPLIT_NAMES, Dataset, Entry, Listing, Split, SplitName, Tags
from edgessl.data.demo import list_demo
from edgessl.data.divide import divide, draw_images, forget_labels
from edgessl.data.folders import list_folder
from edgessl.data.groups import PARENT, groups_of
from edgessl.data.label_budget import LabelBudget
from edgessl.data.manifest import list_manifest
from edgessl.data.named import list_named, named_sets, recognise
from edgessl.data.parallel import Progress
from edgessl.data.pool import parts_of, pooled
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.data.sample import Sample
from edgessl.data.tagged import (
    divide_tagged,
    kept_tags,
    shown_classes,
    with_rarest,
    without_labels,
)
from edgessl.data.unlabelled import apart_from, as_unlabelled
from edgessl.data.verify import check_files
from edgessl.errors import UserError
from edgessl.files import expanded


def names() -> dict[str, str]:
    """Return every name that ``--data`` knows, with a line about the set."""
    about = {"demo": "12 classes: drawn textures, 64 px; 1200 + 360 images, no download"}
    for name, known in named_sets().items():
        split = f"{known.train} + {known.test}" if known.test else f"{known.train}"
        split = split if known.counted else f"about {split}"
        got = "download" if known.dataset else "from its own page"
        size = f"{split} images, {known.download_mb} MB {got}"
        about[name] = f"{known.classes} classes: {known.about}; {size}"
    return about


def list_source(
    data: str, *, reading: Reading = AS_FOUND, download: bool = True, group: str | None = None,
    option: str = "--data",
) -> Listing:
    """List the images of a source, without opening them.

    A folder of that name comes before a named set, so that nothing is downloaded by surprise.

    Args:
        data: What stands after ``option``.
        reading: How a folder or a table is to be read, where that is said.
        download: Whether a named set that is not on this machine may be fetched.
        group: The column of a manifest that says what an image belongs to; None for none.
        option: Where it was given, for the messages.

    Raises:
        UserError: There is no such source, it cannot be used, or it may not be downloaded.
        EdgesslError: A named set is missing and cannot be downloaded.
    """
    listing = _list(data, reading, download, group, option)
    refuse_unprintable(listing)
    return listing


def _list(
    data: str, reading: Reading, download: bool, group: str | None, option: str
) -> Listing:
    refuse_unknown(data, option)
    path = expanded(data)
    if path.is_dir():
        known = recognise(path) if reading == AS_FOUND else None
        listing = known or list_folder(path, reading)
        if data in names():
            note = f"The folder {path.absolute()} is read, not the named set of that name."
            return replace(listing, notes=(*listing.notes, note))
        return listing
    if path.is_file():
        return list_manifest(path, reading, group)
    if parts := parts_of(data):
        return pooled(
            data, parts, lambda one: load_dataset(one, val_percent=0.0, download=download)
        )
    if reading != AS_FOUND:
        raise UserError(
            f"{option} {data}{reading.options()}: must be a folder or a CSV manifest for these "
            "options, got a named set, whose layout is known; leave them out"
        )
    return list_demo() if data == "demo" else list_named(data, may_download=download)


def refuse_unknown(data: str, option: str = "--data") -> None:
    """Refuse a source that is neither here nor known, without reading anything.

    Args:
        data: What stands after ``option``.
        option: Where it was given, for the message.

    Raises:
        UserError: There is no such source.
    """
    if not data.strip():  # as an unset variable of the shell is passed: no folder was meant
        raise UserError(
            f"{option}: must be a folder, a CSV manifest or a named set, got nothing; pass . for "
            "the current folder"
        )
    path = expanded(data)
    if path.is_dir() or path.is_file() or data in names():
        return
    if parts := parts_of(data):
        for part in parts:
            refuse_unknown(part.source, option)
        return
    close = get_close_matches(data, list(names()), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names())}"
    raise UserError(
        f"{option}: must be a folder, a CSV manifest or a named set, got '{data}', "
        f"which is neither here nor known; {hint}"
    )


def load_dataset(
    data: str | Path,
    *,
    labels: str | Path | None = None,
    unlabelled: str | Path | None = None,
    label_percent: float | None = None,
    labels_per_class: int | None = None,
    val_percent: float = 10.0,
    val_group: str | None = None,
    max_images: int | None = None,
    seed: int = 0,
    reading: Reading = AS_FOUND,
    progress: Progress | None = None,
    download: bool = True,
) -> Dataset:
    """Find, check and split the images of a named set, a folder or a CSV manifest.

    Every file is read and decoded once; the next call remembers that. Splits depend on the files'
    contents, not on their names.

    Args:
        data: A named set, a folder, or a CSV manifest.
        labels: If given, another source: its labelled images are train, val and test, and the
            images of ``data`` are for pretraining only.
        unlabelled: Another source whose images are used without label; what it has in common with
            train, val or test by content is left out.
        label_percent: Share of each class's training labels that are kept; the other training
            images become unlabelled.
        val_percent: Share of each class of train that becomes ``val`` where the source has none.
        val_group: Hold images out by whole groups: ``parent`` for those of one folder, or a column
            of the manifest. A test split that has to be made is made so too.
        max_images: Images that pretraining sees, drawn of all at random; None for all. Labelled
            images are all fine-tuned and evaluated on.
        labels_per_class: The same as a number; not both.
        seed: Chooses the labels that ``label_percent`` keeps, and the images of ``max_images``.
        reading: How the folder or the table with the labels is to be read, where that is said.
        progress: Called with (done, total) while files are read.
        download: Whether a named set that is not on this machine may be fetched.

    Raises:
        UserError: The source is not there, or holds too few or too many unusable images, fewer
            than two classes, or test classes that train lacks.
        EdgesslError: A named set cannot be downloaded.

    Examples:
        >>> import edgessl
        >>> photos = edgessl.load_dataset("photos")
        >>> photos.classes, len(photos.test)
        (('class0', 'class1'), 4)
    """
    data, labels = str(data), None if labels is None else str(labels)
    budget = LabelBudget(label_percent, labels_per_class)
    if not 0 <= val_percent < 100:
        raise UserError(f"val_percent: must be at least 0 and under 100, got {val_percent:g}")
    column = None if val_group == PARENT else val_group
    listing = list_source(
        data,
        reading=reading if labels is None else AS_FOUND,
        download=download,
        group=None if labels else column,
    )
    notes = list(listing.notes)
    entries, labelled = listing.entries, listing
    if labels is not None:
        labelled = list_source(
            labels, reading=reading, download=download, group=column, option="--labels"
        )
        notes += labelled.notes
        entries = _labels_from(labelled, listing)
        notes.append(f"Labels come from {labels}; the images of {data} are for pretraining only.")
    if unlabelled is not None:
        others = list_source(str(unlabelled), download=download, option="--unlabelled")
        entries = (*entries, *as_unlabelled(others, entries))
    sound = check_files(listing.source, entries, progress)
    official = listing.official and labels is None
    own = dict(sound.splits)
    if unlabelled is not None:
        known = (s for name in ("train", "val", "test") for s in own[name])
        own["unlabeled"], lost = apart_from(own["unlabeled"], known)
        notes.append(_about_unlabelled(str(unlabelled), len(own["unlabeled"]), lost))
    tags = {entry.path: entry.tags for entry in entries if entry.tags is not None}
    groups = groups_of(labelled, val_group) if val_group else None
    if tags:
        splits, more = divide_tagged(
            with_rarest(own, tags), tags, labels or listing.source, val_percent,
            official=official, groups=groups,
        )  # fmt: skip
    else:
        splits, more = divide(own, labels or listing.source, val_percent, official, groups)
    notes += more
    classes = shown_classes(splits, tags) if tags else tuple(
        sorted({sample.label for sample in splits["train"] if sample.label})
    )  # fmt: skip
    notes += sound.notes
    if note := _order_of_numbers(classes):
        notes.append(note)
    if budget:
        splits, note = forget_labels(splits, listing.source, classes, budget, seed)
        notes.append(note)
    if tags:
        tags, splits = kept_tags(splits, tags), without_labels(splits)
    if sound.duplicates:
        notes.append(f"{sound.duplicates} files have a twin of identical content.")
    parts = {
        name: _split(splits[name], classes, name != "unlabeled" and not tags)
        for name in SPLIT_NAMES
    }
    digests = parts["train"].digests + parts["unlabeled"].digests
    drawn = None
    if max_images is not None and max_images < len(digests):
        drawn = draw_images(digests, max_images, seed)
        notes.append(f"Pretraining sees {max_images} of {len(digests)} images, drawn at random.")
    return Dataset(
        name=listing.name,
        source=listing.source,
        classes=classes,
        train=parts["train"],
        unlabeled=parts["unlabeled"],
        val=parts["val"],
        test=parts["test"],
        quarantined=sound.quarantined,
        duplicates=sound.duplicates,
        notes=tuple(notes),
        fingerprint=_fingerprint(classes, parts, tags),
        tags=tags,
        drawn=drawn,
        value_range=sound.value_range,
        layout=labelled.layout,
        skipped={**listing.skipped, **labelled.skipped},
    )


def _about_unlabelled(source: str, kept: int, lost: int) -> str:
    """Say what comes of a source of images without label.

    Raises:
        UserError: Nothing does.
    """
    if not kept:
        raise UserError(
            f"{source}: must hold images that are not among the labelled ones for --unlabelled, "
            f"found none ({lost} are, by content); name another folder"
        )
    known = f"; {lost} that train, val or test have too are left out" if lost else ""
    return f"{kept} images of {source} are used without label{known}."


def _order_of_numbers(classes: tuple[str, ...]) -> str:
    """Say it where classes are called by numbers whose order is not that of the outputs."""
    if not classes or not all(name.isdecimal() for name in classes):
        return ""
    if sorted(classes, key=int) == list(classes):
        return ""
    shown = ", ".join(f"{index} is class '{name}'" for index, name in enumerate(classes[:4]))
    return (
        f"Classes are in the order of letters, also where their names are numbers: output {shown}"
        f"{' and so on' if len(classes) > 4 else ''}. Names such as 01 keep the order of numbers."
    )


def _labels_from(labelled: Listing, images: Listing) -> tuple[Entry, ...]:
    """Join the labelled images of one listing with the images of another, without its labels."""
    own = [one for one in labelled.entries if one.label is not None or one.tags is not None]
    keep = {one.path: one for one in own}
    if not keep:
        raise UserError(
            f"{labelled.source}: must hold labelled images for --labels, found none; "
            "use class folders or a CSV manifest with labels"
        )
    rest = [
        Entry(entry.path, None, "test" if entry.split == "test" else "unlabeled")
        for entry in images.entries
        if entry.path not in keep
    ]
    return (*keep.values(), *rest)


def _split(samples: list[Sample], classes: tuple[str, ...], labelled: bool) -> Split:
    ordered = sorted(samples, key=lambda s: (s.digest, s.label or "", str(s.path)))
    index = {name: i for i, name in enumerate(classes)}
    labels = [index[one.label] for one in ordered if one.label is not None] if labelled else ()
    return Split(
        paths=tuple(sample.path for sample in ordered),
        labels=tuple(labels) if classes and labelled else None,
        digests=tuple(sample.digest for sample in ordered),
    )


def _fingerprint(
    classes: tuple[str, ...], parts: Mapping[SplitName, Split], tags: Mapping[Path, Tags]
) -> str:
    hasher = hashlib.sha1("\n".join(classes).encode(), usedforsecurity=False)
    for name in SPLIT_NAMES:
        part = parts[name]
        hasher.update(f"\n{name} {len(part)} {part.labels}\n".encode())
        hasher.update(" ".join(part.digests).encode())
        if tags:
            hasher.update(repr([tags.get(path) for path in part.paths]).encode())
    return hasher.hexdigest()


_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[\\/](?:[^\s'\",;:()\\/]+[\\/])+")
"""The folders of an absolute path, without its last part."""


def dataset_of(
    provenance: Mapping[str, Any], *, download: bool = False, progress: Progress | None = None
) -> Dataset:
    """Load the images of a run in the splits that it saw.

    Args:
        provenance: What a checkpoint says of its run; its ``data`` must be there.
        download: Whether a named set that is not on this machine may be fetched.
        progress: Called with (done, total) while files are checked.

    Raises:
        UserError: The data is gone, or cannot be used any more.
        EdgesslError: A named set is missing and cannot be downloaded.
    """
    return load_dataset(
        provenance["data"],
        labels=provenance["labels"],
        unlabelled=provenance.get("unlabelled"),  # older checkpoints have none
        label_percent=provenance["label_percent"],
        labels_per_class=provenance.get("labels_per_class"),  # older checkpoints have none
        val_percent=provenance["val_percent"],
        val_group=provenance.get("val_group"),  # older checkpoints have none
        seed=provenance["seed"],
        reading=Reading.from_dict(provenance),
        progress=progress,
        download=download,
    )


def reason_of(error: Exception, source: str) -> str:
    """Say why data cannot be read, without the folders of this machine: it goes into files.

    Args:
        error: What reading it raised.
        source: The data, as the checkpoint names it.
    """
    text = " ".join(str(error).split())
    for place in (str(Path(source).absolute()), source):
        text = text.replace(place, Path(source).name)
    return _FOLDERS.sub("", text)[:200]
