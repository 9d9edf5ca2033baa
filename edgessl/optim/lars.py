"""LARS as SSLight and AIRL use it, and its rules for each parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

Rule = Callable[[list[Tensor], list[Tensor], list[Tensor], dict[str, Any]], None]
"""Updates weights and buffers in place, from weights, gradients, buffers and their group."""


def sslight(
    params: list[Tensor], grads: list[Tensor], buffers: list[Tensor], group: dict[str, Any]
) -> None:
    """Take a step by the rule of SSLight's code (Tan et al., ICLR 2023).

    Args:
        params: Weights.
        grads: Their gradients.
        buffers: Their momentum.
        group: ``lr``, ``weight_decay``, ``momentum``, ``eta`` and ``adapt``.
    """
    updates = list(torch._foreach_add(grads, params, alpha=group["weight_decay"]))
    if group["adapt"]:
        torch._foreach_mul_(updates, _trust(params, _norms(updates), group["eta"]))
    torch._foreach_mul_(buffers, group["momentum"])
    torch._foreach_add_(buffers, updates)
    torch._foreach_add_(params, buffers, alpha=-group["lr"])


def airl(
    params: list[Tensor], grads: list[Tensor], buffers: list[Tensor], group: dict[str, Any]
) -> None:
    """Take a step by the rule of AIRL's code (Huang et al., ECCV 2022).

    Args:
        params: Weights.
        grads: Their gradients.
        buffers: Their momentum.
        group: ``lr``, ``weight_decay``, ``momentum``, ``eta`` and ``adapt``.
    """
    updates = list(torch._foreach_add(grads, params, alpha=group["weight_decay"]))
    if group["adapt"]:
        lengths = _norms(grads) + group["weight_decay"] * _norms(params)
        torch._foreach_mul_(updates, _trust(params, lengths, group["eta"]))
    _rate_in_the_buffer(params, updates, buffers, group)


def simclr(
    params: list[Tensor], grads: list[Tensor], buffers: list[Tensor], group: dict[str, Any]
) -> None:
    """Take a step by the rule of SimCLR's code, which Cole et al. (CVPR 2022) defer to.

    Args:
        params: Weights.
        grads: Their gradients.
        buffers: Their momentum.
        group: ``lr``, ``weight_decay``, ``momentum``, ``eta`` and ``adapt``.
    """
    updates = list(torch._foreach_add(grads, params, alpha=group["weight_decay"]))
    if group["adapt"]:
        torch._foreach_mul_(updates, _trust(params, _norms(updates), group["eta"]))
    _rate_in_the_buffer(params, updates, buffers, group)


def _norms(tensors: list[Tensor]) -> Tensor:
    return torch.stack(torch._foreach_norm(tensors))


def _trust(params: list[Tensor], lengths: Tensor, eta: float) -> list[Tensor]:
    norms = _norms(params)
    known = (norms > 0) & (lengths > 0)
    return list(torch.where(known, eta * norms / lengths, 1.0).unbind())


def _rate_in_the_buffer(
    params: list[Tensor], updates: list[Tensor], buffers: list[Tensor], group: dict[str, Any]
) -> None:
    torch._foreach_mul_(buffers, group["momentum"])
    torch._foreach_add_(buffers, updates, alpha=group["lr"])
    torch._foreach_sub_(params, buffers)


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
