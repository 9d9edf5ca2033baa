"""What ``edgessl recipe`` is asked for, and what every run may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgessl.data.reading import AS_FOUND, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class OfAnyRun:
    """What may be asked of a pretraining and of a fine-tuning alike.

    Attributes:
        epochs: In place of the recipe's; None for those.
        minutes: Time for the whole run; None for as long as it takes.
        label_percent: Share of the labels; None for all.
        labels_per_class: Or how many of each class.
        size: Side of images in px; None for the recipe's.
        out: Run folder; None for one under ``runs/`` that says what it is of.
        seed: Decides everything random.
        reading: How the images are to be read.
        device: One of ``device.NAMES``.
        baselines: What to train for comparison; None for what fits the start.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Whether a run that lies in the folder is given up.
        stop_on_collapse: Whether collapsed outputs end the run.
        compiled: Whether backbones are compiled.
        command: As typed, for the report.
    """

    epochs: int | None = None
    minutes: float | None = None
    label_percent: float | None = None
    labels_per_class: int | None = None
    size: int | None = None
    out: str | Path | None = None
    seed: int = 0
    reading: Reading = AS_FOUND
    device: str = "auto"
    baselines: tuple[str, ...] | None = None
    overrides: tuple[str, ...] = ()
    fresh: bool = False
    stop_on_collapse: bool = False
    compiled: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class Asked(OfAnyRun):
    """What the user asks of a run, as of ``edgessl.run``.

    Attributes:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        data: Where the images are.
        labels: Where the labels are; None where ``data`` has them, or nothing.
        init: Weights to start from, or ``none``.
    """

    recipe: str
    data: str
    labels: str | None = None
    init: str = "none"
