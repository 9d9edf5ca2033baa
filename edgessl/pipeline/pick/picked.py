"""The outcome of ``edgessl pick``: the images to label, and what is told of them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.artifact.opened import SUFFIXES
from edgessl.pick.typical import Typical
from edgessl.pick.uncertain import Uncertain
from edgessl.pipeline.general import AsFeatures
from edgessl.pipeline.pick.images import Pool


@dataclass(frozen=True, slots=True)
class PickedImage:
    """An image to label.

    Attributes:
        path: The file.
        reason: What it was picked for; ``.why`` says it in words.
    """

    path: Path
    reason: Typical | Uncertain


@dataclass(frozen=True, slots=True)
class Picked:
    """The outcome of one ``edgessl pick``.

    Attributes:
        model: The network that was asked.
        opened: How, where it is general weights.
        by: ``typical`` or ``margin``.
        seed: What decided everything random.
        images: The picks, the first to label first.
        table: The CSV file to fill in.
        page: Its contact sheet.
        pool: What was there to pick from.
        with_labels: Whether the table has the labelled images too.
    """

    model: Path
    opened: AsFeatures
    by: str
    seed: int
    images: tuple[PickedImage, ...]
    table: Path
    page: Path
    pool: Pool
    with_labels: bool

    @property
    def sentence(self) -> str:
        """Say how they were picked."""
        of = f"{len(self.images)} of {len(self.pool.free)} images without a label"
        if self.by == "margin":
            return f"{of}: those the classifier can hardly decide on, unlike each other."
        return f"{of}: the most typical of those that look alike, groups without a label first."

    @property
    def notes(self) -> list[str]:
        """What was left out, and what to know before labelling."""
        told = self.pool.notes
        if self.pool.known and not self.with_labels:
            told.append(
                f"The {len(self.pool.known)} images that have a label are not in the table; "
                "--with-labels adds them, so that it is all that --labels needs."
            )
        return told

    @property
    def next(self) -> str:
        """The command to go on with, once the column is filled."""
        table = shlex.quote(str(self.table))
        if self.model.suffix.lower() in SUFFIXES:
            source = shlex.quote(self.pool.source)
            return f"edgessl recipe mobilenetv2-dino --data {source} --labels {table}"
        given = {"--backbone": self.opened.backbone, "--size": self.opened.image_px}
        options = "".join(
            f" {key} {shlex.quote(str(value))}" for key, value in given.items() if value is not None
        )
        return f"edgessl finetune {shlex.quote(str(self.model))} --data {table}{options}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        pool = self.pool
        return {
            "model": str(self.model),
            "data": pool.source,
            "by": self.by,
            "seed": self.seed,
            "table": str(self.table),
            "page": str(self.page),
            "images": {
                "unlabelled": len(pool.free),
                "labelled": len(pool.labelled),
                "held_out": pool.held_out,
                "duplicates": pool.twins,
                "unusable": [{"path": str(path), "reason": why} for path, why in pool.unusable],
            },
            "picks": [
                {"path": str(one.path), "why": one.reason.why, **one.reason.to_dict()}
                for one in self.images
            ],
            "next": self.next,
        }
