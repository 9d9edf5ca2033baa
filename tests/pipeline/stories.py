"""The stories of ``edgessl recipe`` and ``edgessl finetune`` as tests call them.

A frozen value holds the options, so that a test varies one by ``dataclasses.replace``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from edgessl.data.reading import AS_FOUND, Reading
from edgessl.pipeline import recipe as recipe_story
from edgessl.pipeline.finetune import finetune as finetune_story
from edgessl.pipeline.plan_in_words import describe_plan
from edgessl.reporter import Reporter


@dataclass(frozen=True, slots=True)
class Pretraining:
    """Options of ``edgessl.pipeline.recipe.run``, with its defaults."""

    recipe: str
    data: str
    labels: str | None = None
    label_percent: float | None = None
    out: Path | None = None
    epochs: int | None = None
    minutes: float | None = None
    seed: int = 0
    reading: Reading = AS_FOUND
    device: str = "auto"
    init: str = "none"
    baselines: tuple[str, ...] | None = None
    overrides: tuple[str, ...] = ()
    fresh: bool = False
    stop_on_collapse: bool = False
    compiled: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class Finetuning:
    """Options of ``edgessl.pipeline.finetune.finetune.finetune``, with its defaults."""

    checkpoint: Path
    data: str
    recipe: str | None = None
    epochs: int | None = None
    label_percent: float | None = None
    out: Path | None = None
    seed: int = 0
    reading: Reading = AS_FOUND
    device: str = "auto"
    baselines: tuple[str, ...] = ("random",)
    overrides: tuple[str, ...] = ()
    fresh: bool = False
    compiled: bool = False
    command: str = ""


def run_recipe(wanted: Pretraining, reporter: Reporter) -> dict[str, Any]:
    """Return the report of a run."""
    return recipe_story.run(**_options(wanted), reporter=reporter).report


def plan_recipe(wanted: Pretraining, reporter: Reporter) -> str:
    """Return the plan of a run, in words."""
    options = _options(wanted)
    for name in ("fresh", "stop_on_collapse", "command"):
        del options[name]
    plan = recipe_story.plan(**options, reporter=reporter)
    return describe_plan(plan) if plan else ""


def run_finetune(wanted: Finetuning, reporter: Reporter) -> dict[str, Any]:
    """Return the report of a fine-tuning."""
    options = _options(wanted)
    checkpoint = options.pop("checkpoint")
    return finetune_story.finetune(checkpoint, **options, reporter=reporter).report


def _options(wanted: Pretraining | Finetuning) -> dict[str, Any]:
    return {field.name: getattr(wanted, field.name) for field in fields(wanted)}
