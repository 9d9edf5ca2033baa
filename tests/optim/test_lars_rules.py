"""AIRL's and SimCLR's rules, each step worked out by hand, and what sets them apart."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.optim.lars import Lars, Rule, airl, simclr, sslight
from edgessl.recipe.optim_tables import AirlLars, SimClrLars
from edgessl.schedules import Clock

ETA = 0.001
RATE_IN_THE_BUFFER = pytest.mark.parametrize("rule", [airl, simclr], ids=lambda rule: rule.__name__)


def _parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values))


def _step(optimizer: Lars, parameter: nn.Parameter, *gradient: float, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr
    parameter.grad = torch.tensor(gradient)
    optimizer.step()


def test_airl_adds_the_norms_of_gradient_and_decay() -> None:
    weight = _parameter(3.0, 4.0)  # norm 5
    lars = Lars([weight], lr=0.0, weight_decay=1.0, eta=ETA, rule=airl)
    _step(lars, weight, 4.0, -3.0, lr=2.0)  # norm 5, at right angles to the weight
    # trust = eta * 5 / (5 + 1 * 5); the update goes along (4, -3) + 1 * (3, 4) = (7, 1)
    expected = torch.tensor([3.0, 4.0]) - 2.0 * ETA * 0.5 * torch.tensor([7.0, 1.0])
    torch.testing.assert_close(weight.detach(), expected)


@pytest.mark.parametrize("rule", [simclr, sslight], ids=lambda rule: rule.__name__)
def test_the_others_take_the_norm_of_their_sum(rule: Rule) -> None:
    weight = _parameter(3.0, 4.0)
    lars = Lars([weight], lr=0.0, weight_decay=1.0, eta=ETA, rule=rule)
    _step(lars, weight, 4.0, -3.0, lr=2.0)
    # The sum (7, 1) has norm sqrt(50), so trust = eta * 5 / sqrt(50) = eta / sqrt(2).
    expected = torch.tensor([3.0, 4.0]) - 2.0 * ETA * 0.5**0.5 * torch.tensor([7.0, 1.0])
    torch.testing.assert_close(weight.detach(), expected)


@RATE_IN_THE_BUFFER
def test_a_gradient_keeps_the_rate_of_its_step(rule: Rule) -> None:
    weight = _parameter(0.0, 1.0)
    lars = Lars([weight], lr=0.0, momentum=0.5, eta=ETA, rule=rule)
    _step(lars, weight, 2.0, 0.0, lr=1.0)
    # v1 = lr * eta * 1 / 2 * (2, 0) = (eta, 0)
    first = torch.tensor([-ETA, 1.0])
    torch.testing.assert_close(weight.detach(), first)
    _step(lars, weight, 0.0, 0.0, lr=10.0)
    # v2 = 0.5 * v1: the new rate does not touch it (SSLight's rule would move 10 times as far).
    torch.testing.assert_close(weight.detach(), first - torch.tensor([0.5 * ETA, 0.0]))


@RATE_IN_THE_BUFFER
def test_at_a_constant_rate_it_does_not_matter_where_the_rate_is(rule: Rule) -> None:
    inside, outside = _parameter(3.0, 4.0), _parameter(3.0, 4.0)
    ours = Lars([inside], lr=0.0, momentum=0.9, eta=ETA, rule=rule)
    theirs = Lars([outside], lr=0.0, momentum=0.9, eta=ETA, rule=sslight)
    for gradient in ((1.0, 2.0), (-2.0, 1.0), (0.5, 0.5)):
        _step(ours, inside, *gradient, lr=0.3)
        _step(theirs, outside, *gradient, lr=0.3)
    torch.testing.assert_close(inside, outside)


@RATE_IN_THE_BUFFER
@pytest.mark.parametrize("weight", [(0.0, 0.0), (1.0, 0.0)])
@pytest.mark.parametrize("gradient", [(0.0, 0.0), (0.0, 3.0)])
def test_a_zero_norm_leaves_the_gradient_unscaled(
    rule: Rule, weight: tuple[float, float], gradient: tuple[float, float]
) -> None:
    parameter = _parameter(*weight)
    _step(Lars([parameter], lr=0.0, eta=ETA, rule=rule), parameter, *gradient, lr=0.1)
    trust = ETA * 1.0 / 3.0 if any(weight) and any(gradient) else 1.0
    expected = torch.tensor(weight) - 0.1 * trust * torch.tensor(gradient)
    torch.testing.assert_close(parameter.detach(), expected)


@RATE_IN_THE_BUFFER
def test_a_group_that_does_not_adapt_is_momentum_with_the_rate_in_the_buffer(rule: Rule) -> None:
    vector = _parameter(1.0, 2.0)
    lars = Lars([{"params": [vector], "adapt": False}], lr=0.0, momentum=0.9, rule=rule)
    _step(lars, vector, 1.0, 1.0, lr=0.1)
    _step(lars, vector, 1.0, 1.0, lr=0.2)
    # v1 = 0.1, v2 = 0.9 * 0.1 + 0.2
    torch.testing.assert_close(vector.detach(), torch.tensor([1.0, 2.0]) - (0.1 + 0.29))


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.linear = nn.Linear(8, 2)


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (AirlLars(name="lars_airl", lr=0.45, weight_decay=(1e-6, 1e-6)), airl),
        (SimClrLars(name="lars_simclr", lr=4.8, lr_batch=0, weight_decay=(1e-6, 1e-6)), simclr),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_weights_decay_and_adapt_but_biases_and_batch_norm_do_neither(
    table: AirlLars | SimClrLars, rule: Rule
) -> None:
    network = _Network()
    optimizer = build_optimizer(network, table)
    set_hyperparameters(optimizer, table, Clock(0, 10, 10), 256)
    names = {id(p): name for name, p in network.named_parameters()}
    told = {
        names[id(p)]: (group["weight_decay"], group["adapt"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    weights = {"conv.weight", "depthwise.weight", "linear.weight"}
    assert told == {
        name: (1e-6, True) if name in weights else (0.0, False) for name in names.values()
    }
    # One step with the table's optimiser is one step of the rule.
    twin = _Network()
    twin.load_state_dict(network.state_dict())
    for parameter, other in zip(network.parameters(), twin.parameters(), strict=True):
        parameter.grad = torch.linspace(-1.0, 1.0, parameter.numel()).view_as(parameter)
        other.grad = parameter.grad.clone()
    optimizer.step()
    for group in optimizer.param_groups:
        params = [p for name, p in twin.named_parameters() if told[name][1] == group["adapt"]]
        rule(_values(params), _gradients(params), [torch.zeros_like(p) for p in params], group)
    for parameter, other in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter, other)


def _values(params: list[nn.Parameter]) -> list[torch.Tensor]:
    """Return their values, which a rule changes in place."""
    return [p.data for p in params]


def _gradients(params: list[nn.Parameter]) -> list[torch.Tensor]:
    """Return their gradients."""
    return [p.grad for p in params if p.grad is not None]
