"""Three rules of LARS. They differ in what the trust ratio divides by, and in where the rate is.

With weight ``w``, gradient ``g``, decay ``d``, momentum ``m``, buffer ``v`` and rate ``lr``:

===========  ====================================  ============================
rule         trust ratio                           update
===========  ====================================  ============================
`sslight`    ``eta |w| / |g + d w|``               ``v = m v + trust (g + d w)``, ``w -= lr v``
`airl`       ``eta |w| / (|g| + d |w|)``           ``v = m v + lr trust (g + d w)``, ``w -= v``
`simclr`     ``eta |w| / |g + d w|``               ``v = m v + lr trust (g + d w)``, ``w -= v``
===========  ====================================  ============================

The trust ratio is 1 where ``|w|`` or what it divides by is 0, and in groups that do not adapt. A
rate in the buffer matters where it changes: earlier gradients keep the rate that they had.
"""

from __future__ import annotations

from collections.abc import Callable
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
