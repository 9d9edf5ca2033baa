"""A stage whose loss stays not finite: what is kept of it, and how to go on."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from torch import Tensor

from edgessl import checkpoint
from edgessl.errors import GateFailed
from edgessl.schedules import Clock


def dump_path(run: Path) -> Path:
    """Return where a run keeps the step that failed."""
    return run / "state" / "diverged.pt"


def diverged(
    run: Path,
    stage: str,
    state: dict[str, Any],
    after: Clock,
    loss: Tensor,
    lr: float,
    optim_key: str,
) -> GateFailed:
    """Keep what is needed to see the failure again, and say so.

    Args:
        run: The run folder.
        stage: Name of the stage.
        state: Its state, with the weights before the failed step.
        after: The clock after the failed step.
        loss: Of the failed step.
        lr: Its learning rate.
        optim_key: Where the recipe gives the stage's optimiser.

    Returns:
        What to raise.
    """
    payload = {
        **state,
        "failed_step": after.step - 1,
        "steps_per_epoch": after.steps_per_epoch,
        "epochs": after.epochs,
        "loss": str(loss.item()),
        "lr": lr,
        "optim_key": optim_key,
    }
    checkpoint.save(dump_path(run), payload)
    return _failure(run, stage, payload)


def refuse_diverged(run: Path, stage: str) -> None:
    """Refuse to go on with a stage that an earlier run of the same command gave up.

    Args:
        run: The run folder.
        stage: Name of the stage.

    Raises:
        GateFailed: The stage failed; the message says how to go on.
    """
    if not dump_path(run).is_file():
        return
    payload = checkpoint.load(dump_path(run))
    if payload["stage"] == stage:
        raise _failure(run, stage, payload)


def _failure(run: Path, stage: str, payload: dict[str, Any]) -> GateFailed:
    dump, key = dump_path(run), f"{payload['optim_key']}.lr"
    rollbacks = payload["guard"]["rollbacks"]
    return GateFailed(
        f"{stage}: the loss must stay finite, got {payload['loss']} at step "
        f"{payload['failed_step'] + 1} after {rollbacks} rollbacks, each with half the learning "
        f"rate ({payload['lr']:g} at the end). To see which layer fails first: "
        f"python -m edgessl.cli.replay {shlex.quote(str(dump))}. To go on: the same command with "
        f"a lower --set {key}=... and --fresh (or another --out)"
    )
