"""BN's statistics as means over many steps, measured after training."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from edgessl.methods.method import Method
from edgessl.schedules import Clock


def measure_batchnorm(
    method: Method, module: nn.Module, batches: Iterable[tuple[list[Tensor], int]], clock: Clock
) -> None:
    """Replace the running statistics of BN by plain means over batches.

    Layers that are frozen keep theirs.

    Args:
        method: In training mode.
        module: The same as a module.
        batches: Views of each step, and the seed of what is drawn in it.
        clock: At the end of the stage.

    Source:
        Wu & Johnson 2021 (precise BN), arXiv:2105.07576, section 3; detectron2's ``PRECISE_BN``.
    """
    layers = [one for one in module.modules()
              if isinstance(one, nn.BatchNorm2d | nn.BatchNorm1d) and one.training]  # fmt: skip
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean
    with torch.no_grad():
        for views, seed in batches:
            torch.manual_seed(seed)
            method(views, None, clock)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
