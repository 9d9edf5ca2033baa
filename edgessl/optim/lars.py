"""LARS by SSLight's rule: the rate is outside the momentum buffer, decay inside the trust ratio."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Lars(torch.optim.Optimizer):
    """Layer-wise adaptive rate scaling.

    For each tensor: ``g' = g + decay * w``; if the group adapts, ``g' *= eta |w| / |g'|`` (factor 1
    if either norm is 0); ``v = momentum * v + g'``; ``w -= lr * v``.

    Args:
        params: Parameter groups; each may set ``weight_decay`` and ``adapt``.
        lr: Learning rate.
        momentum: Momentum of the buffer.
        weight_decay: L2 decay.
        eta: Trust coefficient.

    Source:
        You et al. 2017, arXiv:1708.03888, in the variant of SSLight's released code.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        eta: float = 0.001,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "eta": eta,
            "adapt": True,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            pairs = [(p, p.grad) for p in group["params"] if p.grad is not None]
            if pairs:
                params, grads = map(list, zip(*pairs, strict=True))
                self._update(params, grads, group)

    def _update(self, params: list[Tensor], grads: list[Tensor], group: dict[str, Any]) -> None:
        updates = torch._foreach_add(grads, params, alpha=group["weight_decay"])
        if group["adapt"]:
            weight_norms = torch.stack(torch._foreach_norm(params))
            update_norms = torch.stack(torch._foreach_norm(updates))
            known = (weight_norms > 0) & (update_norms > 0)
            trust = torch.where(known, group["eta"] * weight_norms / update_norms, 1.0)
            torch._foreach_mul_(updates, list(trust.unbind()))
        buffers = []
        for param in params:
            state = self.state[param]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(param)
            buffers.append(state["momentum_buffer"])
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, updates)
        torch._foreach_add_(params, buffers, alpha=-group["lr"])
