"""The last stage of the start's weights, kept while pretraining goes without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from edgessl.backbones.deploy_table import refuse_no_tensors

STAGE_KEY = "last_stage_weights"
"""Of it in ``pretrained.pt``."""


def stage_of(payload: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return what a checkpoint keeps of a last stage, by the whole network's keys; empty if none.

    Args:
        payload: Of ``pretrained.pt``.

    Raises:
        UserError: It holds something else there.
    """
    if STAGE_KEY not in payload:
        return {}
    refuse_no_tensors(payload[STAGE_KEY], STAGE_KEY)
    return dict(payload[STAGE_KEY])
