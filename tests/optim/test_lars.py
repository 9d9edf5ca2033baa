"""LARS by SSLight's rule, each step worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgessl.optim.build import all_decay_groups, lars_groups, matrix_decay_groups
from edgessl.optim.lars import Lars

ETA = 0.001


def _parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values))


def _step(optimizer: Lars, parameter: nn.Parameter, *gradient: float, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr
    parameter.grad = torch.tensor(gradient)
    optimizer.step()


def test_decay_is_inside_the_trust_ratio() -> None:
    weight = _parameter(3.0, 4.0)  # norm 5
    lars = Lars([weight], lr=0.0, momentum=0.9, weight_decay=1.0, eta=ETA)
    _step(lars, weight, 3.0, 4.0, lr=2.0)
    # g' = (3, 4) + 1 * (3, 4) = (6, 8), norm 10; trust = eta * 5 / 10; w - 2 * trust * g'
    expected = torch.tensor([3.0, 4.0]) - 2.0 * ETA * 0.5 * torch.tensor([6.0, 8.0])
    torch.testing.assert_close(weight.detach(), expected)


def test_the_rate_is_outside_the_momentum_buffer() -> None:
    weight = _parameter(0.0, 1.0)
    lars = Lars([weight], lr=0.0, momentum=0.5, eta=ETA)
    _step(lars, weight, 2.0, 0.0, lr=1.0)
    # v1 = eta * 1 / 2 * (2, 0) = (eta, 0)
    first = torch.tensor([-ETA, 1.0])
    torch.testing.assert_close(weight.detach(), first)
    _step(lars, weight, 0.0, 0.0, lr=10.0)
    # The gradient is 0, so v2 = 0.5 * v1, and it is the new rate that multiplies it.
    torch.testing.assert_close(weight.detach(), first - torch.tensor([10.0 * 0.5 * ETA, 0.0]))


@pytest.mark.parametrize("weight", [(0.0, 0.0), (1.0, 0.0)])
@pytest.mark.parametrize("gradient", [(0.0, 0.0), (0.0, 3.0)])
def test_a_zero_norm_leaves_the_gradient_unscaled(
    weight: tuple[float, float], gradient: tuple[float, float]
) -> None:
    parameter = _parameter(*weight)
    _step(Lars([parameter], lr=0.0, eta=ETA), parameter, *gradient, lr=0.1)
    trust = ETA * 1.0 / 3.0 if any(weight) and any(gradient) else 1.0
    expected = torch.tensor(weight) - 0.1 * trust * torch.tensor(gradient)
    torch.testing.assert_close(parameter.detach(), expected)


def test_a_group_that_does_not_adapt_is_plain_momentum() -> None:
    vector = _parameter(1.0, 2.0)
    lars = Lars([{"params": [vector], "adapt": False}], lr=0.0, momentum=0.9)
    _step(lars, vector, 1.0, 1.0, lr=0.1)
    _step(lars, vector, 1.0, 1.0, lr=0.1)
    torch.testing.assert_close(vector.detach(), torch.tensor([1.0, 2.0]) - 0.1 * (1.0 + 1.9))


def test_a_parameter_without_gradient_is_untouched_and_has_no_buffer() -> None:
    moved, still = _parameter(1.0), _parameter(1.0)
    lars = Lars([moved, still], lr=0.0, weight_decay=0.5)
    _step(lars, moved, 1.0, lr=1.0)
    assert still.item() == 1.0
    assert moved.item() != 1.0
    assert still not in lars.state


def test_the_trust_ratio_is_taken_tensor_by_tensor() -> None:
    small, large = _parameter(1.0), _parameter(100.0)
    lars = Lars([small, large], lr=1.0, eta=ETA)
    small.grad, large.grad = torch.tensor([7.0]), torch.tensor([7.0])
    lars.step()
    assert small.item() == pytest.approx(1.0 - ETA * 1.0)
    assert large.item() == pytest.approx(100.0 - ETA * 100.0)


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.linear = nn.Linear(8, 2)
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)


def _by_name(groups: list[dict[str, object]], network: nn.Module, key: str) -> dict[str, object]:
    names = {id(p): name for name, p in network.named_parameters()}
    return {
        names[id(p)]: group[key]
        for group in groups
        for p in group["params"]  # type: ignore[attr-defined]
    }


@pytest.mark.parametrize("adapt_depthwise", [True, False])
def test_lars_groups_are_sslights(adapt_depthwise: bool) -> None:
    network = _Network()
    groups = lars_groups(network, adapt_depthwise=adapt_depthwise)
    vectors = dict.fromkeys(["conv.bias", "norm.weight", "norm.bias", "linear.bias"], False)
    assert _by_name(groups, network, "decays") == {
        "conv.weight": True, "linear.weight": True, "depthwise.weight": False, **vectors,
    }
    assert _by_name(groups, network, "adapt") == {
        "conv.weight": True, "linear.weight": True, "depthwise.weight": adapt_depthwise, **vectors,
    }


def test_adamw_groups_decay_everything_of_two_and_more_dimensions() -> None:
    network = _Network()
    decays = _by_name(matrix_decay_groups(network), network, "decays")
    assert {name for name, decay in decays.items() if decay} == {
        "conv.weight", "depthwise.weight", "linear.weight",
    }
    assert len(decays) == 7


def test_sgd_decays_every_trainable_parameter() -> None:
    network = _Network()
    decays = _by_name(all_decay_groups(network), network, "decays")
    assert len(decays) == 7
    assert all(decays.values())
