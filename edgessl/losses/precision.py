"""The precision that losses are computed in, whatever the network's was."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor


def at_least_fp32(tensor: Tensor) -> Tensor:
    """Return a tensor of lower precision in fp32, and any other as it is."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def no_autocast(tensor: Tensor) -> AbstractContextManager[None]:
    """Return a context in which matrix products keep the precision of their factors."""
    return torch.autocast(tensor.device.type, enabled=False)
