"""The whole network with the weights of ``--init``, kept in the run.

Once it has begun, a run goes without the file: for the last stage that grows back after
pretraining, and for the arms that start from the weights, which come last.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from edgessl.errors import UserError
from edgessl.pipeline.pretrain import new_backbone, save_safetensors
from edgessl.runs.stages import PRETRAIN, START, START_FILE
from edgessl.start import safetensors_file
from edgessl.start.begin import begin_from
from edgessl.train.place.context import Context


def keep_start(context: Context, init: str) -> dict[str, Any]:
    """Write the whole network with given weights; what they lack stays as it was drawn.

    Args:
        context: The run.
        init: The weights.

    Returns:
        What is to be told of them, and the keys of the last stage that grows back with them, as
        plain values.

    Raises:
        UserError: They do not fit.
    """
    part = new_backbone(context, stage=PRETRAIN, whole=False)
    grows = sorted(begin_from(part, init).last_stage)
    backbone = new_backbone(context, stage=PRETRAIN, whole=True)
    told = begin_from(backbone, init).told
    save_safetensors(context.run.path / START_FILE, backbone)
    return {"told": told, "last_stage": grows}


def kept_last_stage(context: Context) -> dict[str, Tensor]:
    """Return what a last stage that pretraining goes without grows back with; empty if nothing."""
    keys = context.run.read()["finished"].get(START, {}).get("last_stage", [])
    if not keys:
        return {}
    weights = _read(context)
    return {key: weights[key] for key in keys}


def load_start(context: Context, net: nn.Module) -> str:
    """Load what was kept.

    Args:
        context: The run.
        net: The whole network, changed in place.

    Returns:
        A sentence on the weights.

    Raises:
        UserError: The file is gone or damaged.
    """
    weights = _read(context)
    try:
        net.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise UserError(_refusal(context)) from error
    return str(context.run.read()["finished"][START].get("told", ""))


def _read(context: Context) -> dict[str, Tensor]:
    try:
        weights, _ = safetensors_file.read(context.run.path / START_FILE)
    except (OSError, ValueError) as error:
        raise UserError(_refusal(context)) from error
    return weights


def _refusal(context: Context) -> str:
    return (
        f"{context.run.path / START_FILE}: must be the network that this run started from, as it "
        "was kept, got another file or none; start over with --fresh"
    )
