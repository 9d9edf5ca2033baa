"""A run is made longer: its training goes on, and everything after it is done again."""

from __future__ import annotations

from typing import Any

from edgessl.errors import UserError
from edgessl.optim import learning_rate
from edgessl.recipe.optim_tables import Optim
from edgessl.schedules import Clock
from edgessl.train import steps_per_epoch
from edgessl.train.place.context import Context

_STAY = {"pretrain": {"views"}, "finetune": {"start", "warmup"}}
"""What is done before a stage that can be made longer."""


def extend(context: Context, stage: str, known: dict[str, Any], identity: dict[str, Any]) -> None:
    """Give a stage more epochs; its steps so far stay.

    Args:
        context: The run, with the new number of epochs.
        stage: ``pretrain`` or ``finetune``.
        known: run.json.
        identity: What the run is from now on.

    Raises:
        UserError: It would get fewer epochs.
    """
    run = context.run
    before = int(known["identity"]["recipe"][stage]["epochs"])
    now = int(identity["recipe"][stage]["epochs"])
    if now < before:
        raise UserError(
            f"{run.path}: {stage}.epochs can be extended but not shortened: this run has {before}, "
            f"got {now}; pass --epochs {before} to go on with it, choose another folder with "
            "--out, or start over with --fresh"
        )
    states = run.load_states(stage, context.reporter.say)
    step = int(states[0]["step"]) if states else 0
    finished = {name: value for name, value in known["finished"].items() if name in _STAY[stage]}
    run.drop_states(but=stage)  # before the change is on record: they belong to what was
    document = {key: value for key, value in known.items() if key != "longer_epochs"}
    run.write(
        {
            **document,
            "identity": identity,
            "finished": finished,
            "extended": [
                *known.get("extended", ()),
                {"stage": stage, "from_epochs": before, "to_epochs": now, "at_step": step},
            ],
        }
    )
    context.reporter.say(_meaning(context, stage, before, now, step))


def _meaning(context: Context, stage: str, before: int, now: int, step: int) -> str:
    """Say what it means for the schedules."""
    if step == 0:
        return f"{stage} gets {now} epochs instead of {before}; it starts from its beginning."
    recipe = context.recipe
    if stage == "pretrain":
        images, optim, batch = len(context.dataset.pretraining), recipe.optim, recipe.pretrain
        rates = _rates(optim, images, batch.batch_size, before, now, step)
    else:
        images, table = len(context.dataset.train), recipe.finetune
        rates = _rates(table.optim, images, table.batch_size, before, now, step)
    return (
        f"{stage} gets {now} epochs instead of {before}, and goes on from step {step}. From there "
        f"its schedules are those of {now} epochs: the learning rate goes from {rates[0]:.3g} to "
        f"{rates[1]:.3g}, and durations in percent are shares of {now} epochs. The result is not "
        f"that of {now} epochs from the start. What comes after {stage} is done again; until "
        f"then ckpt.pt is that of {before} epochs."
    )


def _rates(
    optim: Optim, images: int, batch_size: int, before: int, now: int, step: int
) -> tuple[float, float]:
    """Return the learning rate of the last step under the old schedule, and of the next one."""
    per_epoch, batch = steps_per_epoch(images, batch_size), min(images, batch_size)
    return (
        learning_rate(optim, Clock(step - 1, per_epoch, before), batch),
        learning_rate(optim, Clock(step, per_epoch, now), batch),
    )
