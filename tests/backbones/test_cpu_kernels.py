"""The CPU's own kernels compute what PyTorch's compute, and change nothing that is saved."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from edgessl.backbones import Backbone
from edgessl.backbones.cpu_kernels import use_cpu_kernels


def _gradients(module: nn.Module, images: Tensor) -> dict[str, Tensor]:
    module.zero_grad()
    images = images.clone().requires_grad_()
    torch.autograd.backward(module(images).square().mean())
    assert images.grad is not None
    return {"images": images.grad} | {
        name: parameter.grad for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "image_px"),
    [("mobilenetv2", 32), ("mobilenetv2", 36), ("mobilenetv2", 64), ("resnet18", 36),
     ("mobilenetv3l", 36), ("mobilenetv4-conv-small", 36), ("efficientnet-b0", 36)],
)  # fmt: skip
def test_outputs_gradients_and_statistics_agree_with_pytorchs(name: str, image_px: int) -> None:
    draw = torch.Generator().manual_seed(0)
    plain = Backbone(name, image_px=image_px).double().to(memory_format=torch.channels_last).train()
    ours = copy.deepcopy(plain)
    use_cpu_kernels(ours)
    images = torch.randn(
        6, 3, image_px, image_px, generator=draw, dtype=torch.float64
    ).contiguous(memory_format=torch.channels_last)  # fmt: skip
    expected, found = _gradients(plain, images), _gradients(ours, images)
    assert expected.keys() == found.keys()
    assert len(expected) > 50
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-9, atol=1e-11, msg=key)
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-9, atol=1e-11, msg=key)


@pytest.mark.parametrize(
    ("height", "width", "kernel", "stride", "padding"),
    [(1, 1, 3, 1, 1), (2, 2, 3, 1, 1), (3, 3, 3, 2, 1), (4, 3, 5, 2, 2), (2, 2, 5, 1, 2),
     (3, 2, 2, 1, 0)],
)  # fmt: skip
def test_depthwise_weight_gradient_on_tiny_maps(
    height: int, width: int, kernel: int, stride: int, padding: int
) -> None:
    draw = torch.Generator().manual_seed(1)
    plain = nn.Conv2d(8, 8, kernel, stride, padding, groups=8, bias=False).double()
    ours = copy.deepcopy(plain)
    use_cpu_kernels(ours)
    assert type(ours) is not nn.Conv2d
    images = torch.randn(5, 8, height, width, generator=draw, dtype=torch.float64)
    expected, found = _gradients(plain, images), _gradients(ours, images)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-10, atol=1e-12, msg=key)


def test_what_is_saved_and_evaluated_stays_as_it_was() -> None:
    plain = Backbone("mobilenetv2", image_px=32).eval()
    ours = copy.deepcopy(plain)
    use_cpu_kernels(ours)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(ours(images), plain(images))
    assert list(ours.state_dict()) == list(plain.state_dict())


def test_without_gradient_training_mode_gives_the_same_output() -> None:
    """As a momentum teacher runs."""
    plain = Backbone("mobilenetv2", image_px=32).double().train()
    ours = copy.deepcopy(plain)
    use_cpu_kernels(ours)
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 32, 32, generator=draw, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), plain(images), rtol=1e-9, atol=1e-10)
