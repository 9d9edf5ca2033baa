"""The stories of ``edgessl recipe`` and ``edgessl finetune`` as tests call them."""

from __future__ import annotations

from typing import Any

from edgessl.pipeline import recipe as recipe_story
from edgessl.pipeline.asked import Asked as Pretraining
from edgessl.pipeline.finetune import finetune as finetune_story
from edgessl.pipeline.finetune.asked import Asked as Finetuning
from edgessl.pipeline.plan_in_words import describe_plan
from edgessl.reporter import Reporter

__all__ = ["Finetuning", "Pretraining", "plan_recipe", "run_finetune", "run_recipe"]


def run_recipe(wanted: Pretraining, reporter: Reporter) -> dict[str, Any]:
    """Return the report of a run."""
    return recipe_story.run(wanted, reporter).report


def plan_recipe(wanted: Pretraining, reporter: Reporter) -> str:
    """Return the plan of a run, in words."""
    plan = recipe_story.plan(wanted, reporter)
    return describe_plan(plan) if plan else ""


def run_finetune(wanted: Finetuning, reporter: Reporter) -> dict[str, Any]:
    """Return the report of a fine-tuning."""
    return finetune_story.finetune(wanted, reporter).report
