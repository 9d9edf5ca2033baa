"""Batch norm over groups of the global batch is what its definition says, on any processes."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from crew import on_processes
from reference.batch_norm import grouped_batch_norm
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from edgessl.distributed import ALONE, World
from edgessl.distributed.batchnorm import batch_statistics
from edgessl.distributed.collectives import gather, mean_over_processes

IMAGES, VIEWS, CHANNELS = 8, 2, 3
Found = dict[str, Tensor]


def _inputs(*space: int) -> tuple[Tensor, Tensor]:
    """Return images and the gradient that comes back, ``(V, B, C, …)``, float64."""
    rng = torch.Generator().manual_seed(0)
    shape = (VIEWS, IMAGES, CHANNELS, *space)
    draws = [torch.randn(shape, generator=rng, dtype=torch.float64) for _ in range(2)]
    return draws[0] * 2 + torch.arange(IMAGES).view(1, -1, 1, *[1] * len(space)), draws[1]


def _layer(dimensions: int, momentum: float | None = 0.1) -> nn.Module:
    kind = nn.BatchNorm2d if dimensions else nn.BatchNorm1d
    layer = kind(CHANNELS, momentum=momentum).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        layer.bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
    return layer


def _own(world: World, whole: Tensor) -> Tensor:
    return whole[:, world.share_of(IMAGES)].flatten(0, 1)


Case = tuple[int, tuple[int, ...], bool, float | None]  # groups, space, channels last, momentum


def _cases(world: World, cases: list[Case]) -> list[Found]:
    return [_batch_norm(world, space, groups, *how) for groups, space, *how in cases]


def _batch_norm(
    world: World, space: tuple[int, ...], groups: int, last: bool, momentum: float | None
) -> Found:
    """Run a layer twice on this process's images; return the global results of the last time."""
    layer = _layer(len(space), momentum)
    images, gradient = (_own(world, whole) for whole in _inputs(*space))
    if last:
        images = images.contiguous(memory_format=torch.channels_last)
    for _ in range(2):
        layer.zero_grad()
        images = images.detach().requires_grad_()
        with batch_statistics(world, images=IMAGES // world.size, groups=groups):
            output = layer(images)
        output.backward(gradient)
    own = (VIEWS, IMAGES // world.size, CHANNELS, *space)
    assert images.grad is not None

    def whole(rows: Tensor) -> Tensor:
        return gather(rows.reshape(own).transpose(0, 1)).transpose(0, 1)

    return {
        "output": whole(output), "gradient": whole(images.grad),
        "weight": mean_over_processes(layer.weight.grad) * world.size,
        "bias": mean_over_processes(layer.bias.grad) * world.size,
        "running_mean": layer.running_mean, "running_var": layer.running_var,
    }  # fmt: skip


@pytest.mark.parametrize(("processes", "groups"), [(1, [2, 4]), (2, [1, 2, 4]), (4, [1, 2, 4])])
def test_matches_the_definition(processes: int, groups: list[int]) -> None:
    layers: list[tuple[tuple[int, ...], bool, float | None]] = [
        ((), False, 0.1), ((3, 2), True, None), ((3, 2), False, 0.1),
    ]  # fmt: skip
    cases: list[Case] = [(count, *layer) for count in groups for layer in layers]
    results = on_processes(processes, _cases, cases)
    for number, (count, space, _, momentum) in enumerate(cases):
        layer = _layer(len(space), momentum)
        expected = grouped_batch_norm(layer, *_inputs(*space), count, times=2)
        for found in (result[number] for result in results):
            assert found.keys() == expected.keys()
            for name, value in found.items():
                torch.testing.assert_close(value, expected[name], rtol=1e-10, atol=1e-11)


def test_alone_with_one_group_nothing_is_changed() -> None:
    layer, images = _layer(2), _inputs(3, 2)[0].flatten(0, 1)
    expected = layer(images)
    with batch_statistics(ALONE, images=IMAGES):
        again = layer(images)
    assert torch.equal(again, expected)


class _Asked(TorchDispatchMode):
    """Notes what the backward kernel is given as saved statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[object] = []

    def __torch_dispatch__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten.native_batch_norm_backward.default:
            self.saved += args[5:7]
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("space", [(), (2, 2)])
def test_a_gpus_kernel_is_given_tensors_for_the_statistics_it_may_have_saved(
    space: tuple[int, ...],
) -> None:
    """On a GPU torch ends in an internal error where they are left out (channels last, 2-D)."""
    images = _inputs(*space)[0].flatten(0, 1).requires_grad_()
    layer = _layer(len(space))
    with _Asked() as asked, batch_statistics(ALONE, images=IMAGES, groups=2):
        layer(images).sum().backward()
    assert len(asked.saved) == 4
    assert all(isinstance(one, Tensor) for one in asked.saved)


def test_evaluation_mode_is_not_touched() -> None:
    layer, images = _layer(2).eval(), _inputs(3, 2)[0].flatten(0, 1)
    with batch_statistics(ALONE, images=IMAGES, groups=4):
        shared = layer(images)
    assert torch.equal(shared, layer(images))


def test_timms_layers_with_activation_follow_and_keep_their_keys() -> None:
    network = timm.create_model("mobilenetv2_050", num_classes=0).double().train()
    keys = list(network.state_dict())
    rng = torch.Generator().manual_seed(0)
    images = torch.randn(8, 3, 32, 32, generator=rng, dtype=torch.float64)
    with torch.no_grad():  # what two devices would compute, each on its own
        expected = torch.cat([network(part) for part in images.chunk(2)])
        with batch_statistics(ALONE, images=8, groups=2):
            features = network(images)
    torch.testing.assert_close(features, expected)
    assert list(network.state_dict()) == keys


def test_processes_must_fit_the_groups() -> None:
    with pytest.raises(ValueError, match="3 groups cannot be shared between 2 processes"):
        batch_statistics(World(0, 2), images=IMAGES, groups=3)
