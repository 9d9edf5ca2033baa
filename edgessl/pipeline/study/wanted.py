"""What ``edgessl study`` is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """A study that the user wants to be run.

    Attributes:
        name: Of the study, or the path of a TOML file.
        data: Where the images are; or ``NAME=IMAGES`` for each of the paper's sets.
        transfer: Labelled images that every row is scored on, in place of its own.
        scale: Share of the epochs, and of the images, in (0, 1]: a trial.
        scale_images: Share of the images where that is another.
        out: The study's folder; None for ``runs/DATA-NAME``.
        size: Side of images in px; None for the recipes'.
        seed: Decides everything random.
        device: One of ``device.NAMES``.
        overrides: ``KEY=VALUE`` changes to every recipe.
        compiled: Whether backbones are compiled.
        weights: ``NAME=FILE`` for each of the study's weights that cannot be made here.
    """

    name: str
    data: str | Sequence[str]
    transfer: str | None = None
    scale: float = 1.0
    scale_images: float | None = None
    out: str | Path | None = None
    size: int | None = None
    seed: int = 0
    device: str = "auto"
    overrides: Sequence[str] = ()
    compiled: bool = False
    weights: Sequence[str] = ()
