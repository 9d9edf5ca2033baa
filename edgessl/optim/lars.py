"""LARS: layer-wise adaptive rate scaling."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from edgessl.optim.lars_rules import Rule, sslight


class Lars(torch.optim.Optimizer):
    """Scales the gradient of each tensor by the tensor's own norm.

    Args:
        params: Parameter groups; each may set ``weight_decay`` and ``adapt``.
        lr: Learning rate.
        momentum: Momentum of the buffer.
        weight_decay: L2 decay.
        eta: Trust coefficient.
        rule: Which paper's formula, of ``lars_rules``.

    Source:
        You et al. 2017, arXiv:1708.03888.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        eta: float = 0.001,
        rule: Rule = sslight,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "eta": eta,
            "adapt": True,
        }
        super().__init__(params, defaults)
        self._rule = rule

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            pairs = [(p, p.grad) for p in group["params"] if p.grad is not None]
            if pairs:
                params, grads = map(list, zip(*pairs, strict=True))
                self._rule(params, grads, self._buffers(params), group)

    def _buffers(self, params: list[Tensor]) -> list[Tensor]:
        for param in params:
            if "momentum_buffer" not in self.state[param]:
                self.state[param]["momentum_buffer"] = torch.zeros_like(param)
        return [self.state[param]["momentum_buffer"] for param in params]
