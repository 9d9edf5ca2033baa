"""From a recipe's table to an optimiser: its groups of parameters, rates and decays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

import torch
from torch import Tensor, nn

from edgessl.optim import lars
from edgessl.optim.lars import Lars
from edgessl.recipe.optim_tables import AdamW, AirlLars, Optim, Sgd, SimClrLars
from edgessl.recipe.optim_tables import Lars as LarsTable
from edgessl.schedules import Clock, cosine, falling_steps, linear, polynomial

_POWER = 0.9  # of "poly": DeepLab, Chen et al. 2018, arXiv:1606.00915, section 4.1


def _trainable(module: nn.Module) -> list[Tensor]:
    return [p for p in module.parameters() if p.requires_grad]


def lars_groups(module: nn.Module, *, adapt_depthwise: bool) -> list[dict[str, Any]]:
    """Split parameters as SSLight does for LARS.

    Weights decay and adapt; depthwise convolutions (4-D, second dimension 1) do not decay and adapt
    only if ``adapt_depthwise`` (the released configs do, the paper says not); biases and BN
    (1-D) neither decay nor adapt.
    """
    weights, depthwise, vectors = [], [], []
    for param in _trainable(module):
        if param.ndim == 1:
            vectors.append(param)
        elif param.ndim == 4 and param.shape[1] == 1:
            depthwise.append(param)
        else:
            weights.append(param)
    return [
        {"params": weights, "decays": True, "adapt": True},
        {"params": depthwise, "decays": False, "adapt": adapt_depthwise},
        {"params": vectors, "decays": False, "adapt": False},
    ]


def plain_lars_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Split parameters as AIRL and SimCLR do for LARS: biases and BN neither decay nor adapt.

    All weights do both, those of depthwise convolutions too.
    """
    return [{**group, "adapt": group["decays"]} for group in matrix_decay_groups(module)]


def matrix_decay_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Split parameters as SSLight does for AdamW: tensors of two and more dimensions decay."""
    params = _trainable(module)
    return [
        {"params": [p for p in params if p.ndim >= 2], "decays": True},
        {"params": [p for p in params if p.ndim < 2], "decays": False},
    ]


def classifier_decay_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Split parameters as Cole et al. fine-tune: those of the classifier ``fc`` alone decay."""
    params = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    classifier = {name for name, _ in params if name.split(".")[-2:-1] == ["fc"]}
    return [
        {"params": [p for name, p in params if name in classifier], "decays": True},
        {"params": [p for name, p in params if name not in classifier], "decays": False},
    ]


def all_decay_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Put every parameter in one decaying group, as the SGD recipes of the papers do."""
    return [{"params": _trainable(module), "decays": True}]


def build_optimizer(
    module: nn.Module, table: Optim, scales: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Build the optimiser of a module's trainable parameters.

    Args:
        module: Whose.
        table: Says which optimiser.
        scales: Share of the learning rate that parameters have, by name; all of it where they are
            not named.
    """
    optimizer = _build(module, table)
    if scales:
        _split(optimizer, {param: scales[name] for name, param in module.named_parameters()
                           if name in scales})  # fmt: skip
    return optimizer


def _split(optimizer: torch.optim.Optimizer, scales: Mapping[Tensor, float]) -> None:
    """Split every group by the share of the rate that its parameters have, in place."""
    groups, optimizer.param_groups = optimizer.param_groups, []
    for group in groups:
        parts: dict[float, list[Tensor]] = {}
        for param in group["params"]:
            parts.setdefault(scales.get(param, 1.0), []).append(param)
        optimizer.param_groups += [
            {**group, "params": params, "lr_scale": scale} for scale, params in parts.items()
        ]


def _build(module: nn.Module, table: Optim) -> torch.optim.Optimizer:
    match table:
        case LarsTable():
            groups = lars_groups(module, adapt_depthwise=table.adapt_depthwise)
            return Lars(groups, lr=0.0, momentum=table.momentum, eta=table.eta)
        case AirlLars() | SimClrLars():
            rule = lars.airl if isinstance(table, AirlLars) else lars.simclr
            return Lars(
                plain_lars_groups(module), lr=0.0, momentum=table.momentum, eta=table.eta, rule=rule
            )
        case AdamW():
            return torch.optim.AdamW(
                matrix_decay_groups(module), lr=0.0, betas=table.betas, fused=True
            )
        case Sgd():
            optimizer = torch.optim.SGD(
                _sgd_groups(module, table), lr=0.0, momentum=table.momentum,
                nesterov=table.nesterov, fused=True,
            )  # fmt: skip
            _begin_at_rest(optimizer)
            return optimizer
        case _:
            assert_never(table)


def _sgd_groups(module: nn.Module, table: Sgd) -> list[dict[str, Any]]:
    if table.decay_matrices_only:
        return matrix_decay_groups(module)
    if table.decay_classifier_only:
        return classifier_decay_groups(module)
    return all_decay_groups(module)


def _begin_at_rest(optimizer: torch.optim.SGD) -> None:
    """Give every tensor a momentum of zero, which the first step would do.

    The fused step refuses tensors with and without momentum side by side, which there are when a
    layer stays frozen for the first steps.
    """
    for group in optimizer.param_groups:
        for param in group["params"] if group["momentum"] else ():
            optimizer.state[param]["momentum_buffer"] = torch.zeros_like(param)


def set_hyperparameters(
    optimizer: torch.optim.Optimizer,
    table: Optim,
    clock: Clock,
    batch_size: int,
    lr_factor: float = 1.0,
) -> float:
    """Set learning rate and weight decay for the step that the clock is at.

    Args:
        optimizer: From ``build_optimizer``.
        table: Its table.
        clock: Before the step.
        batch_size: Global batch, which scales the peak rate if the table has a base batch.
        lr_factor: The scheduled rate is multiplied by it.

    Returns:
        The learning rate.
    """
    lr = lr_factor * learning_rate(table, clock, batch_size)
    start, end = table.weight_decay
    decay = cosine(clock.step, clock.total_steps, start, end)
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)  # few groups have one
        group["weight_decay"] = decay if group["decays"] else 0.0
    return lr


def learning_rate(table: Optim, clock: Clock, batch_size: int) -> float:
    """Return the scheduled learning rate of the step that the clock is at.

    Args:
        table: The optimiser's table.
        clock: Before the step.
        batch_size: Global batch, which scales the peak rate if the table has a base batch.
    """
    peak, warmup, total = table.peak_lr(batch_size), table.warmup(clock), clock.total_steps
    if clock.step < warmup:
        rise = max(1, warmup - 1) if table.warmup_peak == "last" else warmup
        return linear(clock.step, rise, table.warmup_lr, peak)
    step = clock.step if table.schedule_by == "step" else clock.epoch * clock.steps_per_epoch
    if table.curve == "steps":
        milestones = [round(share / 100.0 * total) for share in table.milestones_percent]
        return falling_steps(step, milestones, peak, table.milestone_factor)
    if table.curve == "poly":
        return polynomial(step, total, peak, _POWER)
    if table.curve == "exponential":
        return peak * float(table.milestone_factor**clock.epoch)
    return cosine(max(0, step - warmup), total - warmup, peak, table.final_lr)
