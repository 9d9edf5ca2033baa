"""The whole network with the weights of ``--init``, kept in the run for the arms that start there.

Pretraining goes without the file once it has begun; so do the arms, which come last.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from edgessl.errors import UserError
from edgessl.pipeline.pretrain import new_backbone, save_safetensors
from edgessl.runs.stages import PRETRAIN, START, START_FILE
from edgessl.start import safetensors_file
from edgessl.start.weights import initialise
from edgessl.train.place.context import Context


def keep_start(context: Context, init: str) -> dict[str, Any]:
    """Write the whole network with given weights; what they lack stays as it was drawn.

    Args:
        context: The run.
        init: The weights.

    Returns:
        What is to be told of them, as plain values.

    Raises:
        UserError: They do not fit.
    """
    backbone = new_backbone(context, stage=PRETRAIN, whole=True)
    told = initialise(backbone, init)
    save_safetensors(context.run.path / START_FILE, backbone)
    return {"told": told}


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
    path = context.run.path / START_FILE
    try:
        weights, _ = safetensors_file.read(path)
        net.load_state_dict(weights, strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path}: must be the network that this run started from, as it was kept, got another "
            "file or none; start over with --fresh"
        ) from error
    return str(context.run.read()["finished"][START].get("told", ""))
