"""The images of a study: a paper's names of sets, and what the user has for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from edgessl.data.dataset import Dataset
from edgessl.data.load import load_dataset, refuse_unknown
from edgessl.dense.transfer.sets import BOX_SETS, PIXEL_SETS
from edgessl.errors import Refusals, UserError
from edgessl.files import expanded
from edgessl.reporter import Reporter


@dataclass(frozen=True, slots=True)
class Sets:
    """What stands for which set of a paper.

    Attributes:
        whole: What stands for all sets that are not named; None for nothing.
        named: Source by the paper's name.
        transfer: What is scored in place of every set; None for the set of each row.
    """

    whole: str | None
    named: Mapping[str, str] = field(default_factory=dict)
    transfer: str | None = None

    def source(self, name: str) -> str:
        """Return what stands for a set.

        Args:
            name: As the paper has it.

        Raises:
            UserError: Nothing does.
        """
        found = self.named.get(name, self.whole)
        if found is None:
            known = ", ".join(self.named)
            raise UserError(
                f"--data: must have something for the paper's {name}, got {known} alone; pass "
                f"--data {name}=IMAGES, or --data IMAGES for all that are not named"
            )
        return found

    @property
    def sources(self) -> tuple[str, ...]:
        """All that is read, each once."""
        given = [*self.named.values(), self.whole, self.transfer]
        return tuple(dict.fromkeys(one for one in given if one is not None))


def sets_of(data: Sequence[str], transfer: str | None, papers: Sequence[str]) -> Sets:
    """Read ``--data`` and ``--transfer``.

    Args:
        data: ``IMAGES`` for all sets, or ``NAME=IMAGES`` for one.
        transfer: ``--transfer``; None to score each row on its own set.
        papers: The paper's names of the sets of a study.

    Raises:
        UserError: Something cannot be used; all mistakes at once.
    """
    refusals = Refusals()
    named: dict[str, str] = {}
    whole: list[str] = []
    known = {name.lower(): name for name in papers}
    for one in data:
        name, separator, source = one.partition("=")
        if not separator or expanded(one).exists():
            whole.append(_lasting(one))
        elif name.lower() in known and source:
            named[known[name.lower()]] = _lasting(source)
        else:
            with refusals:
                raise UserError(
                    f"--data {one}: must be IMAGES, or NAME=IMAGES with one of "
                    f"{', '.join(papers)}, got '{name}'"
                )
    with refusals:
        if len(whole) > 1:
            raise UserError(
                f"--data: must be given once without a name, got {' and '.join(whole)}; name them "
                f"as NAME=IMAGES, with {', '.join(papers)}"
            )
    with refusals:
        if not data:
            raise UserError("--data: must be given, found none; pass --data IMAGES, or demo")
    moved = None if transfer is None else _lasting(transfer)
    found = Sets(whole[0] if whole else None, named, moved)
    for source in found.sources:
        with refusals:
            if source not in (*BOX_SETS, *PIXEL_SETS):
                refuse_unknown(source)
    refusals.raise_all()
    return found


@cache
def has_tags(source: str) -> bool:
    """Say whether images have several labels each, as mAP needs.

    Args:
        source: What ``--data`` takes.

    Raises:
        EdgesslError: It cannot be read.
    """
    return bool(load_dataset(source, val_percent=0, download=False).tags)


def _lasting(source: str) -> str:
    path = expanded(source)
    return str(path.absolute()) if path.exists() else source


@dataclass(frozen=True, slots=True)
class Counts:
    """How large a set is.

    Attributes:
        train: Labelled images to train on.
        pretraining: All images that pretraining may see.
        classes: Its classes.
    """

    train: int
    pretraining: int
    classes: int


def counts_of(source: str, reporter: Reporter) -> Counts:
    """Count the images of a set.

    Args:
        source: Where they are.
        reporter: Shows progress.

    Raises:
        UserError: They cannot be used.
    """
    dataset = _load(source, reporter)
    return Counts(len(dataset.train), len(dataset.everything), len(dataset.classes))


def _load(source: str, reporter: Reporter) -> Dataset:
    return load_dataset(
        source, val_percent=0.0,
        progress=lambda done, total: reporter.progress("checking images", done, total),
    )


def short_name(source: str) -> str:
    """Return what a source is called in the names of folders.

    Args:
        source: Where the images are.
    """
    stem = Path(source).stem or "data"
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in stem)[:40]
