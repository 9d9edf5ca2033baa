"""What a network costs: parameters, MACs, S3L's FLOPs, and a schedule's mean."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from edgessl.errors import UserError

IMAGENET_CLASSES = 1000


def params(network: nn.Module) -> int:
    """Count parameters; the statistics of batch norm are buffers and do not count."""
    return sum(parameter.numel() for parameter in network.parameters())


def macs(network: nn.Module, image_px: int) -> int:
    """Count multiply-accumulates of one image: convolutions, linear layers and attention.

    Batch norm is free, because it is folded into the convolutions on a device; so are
    activations, pooling and additions.

    Args:
        network: Images ``(B, 3, H, W)`` to features.
        image_px: Side of the image.
    """
    image = torch.zeros(1, 3, image_px, image_px, device="meta")
    return macs_of_run(lambda: _shadow(network)(image))


def macs_of_run(run: Callable[[], object]) -> int:
    """Count multiply-accumulates of whatever torch computes.

    Args:
        run: Called once, on this thread.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2  # it counts a multiplication and an addition


def _shadow(network: nn.Module) -> nn.Module:
    """Return a copy that computes shapes only, in evaluation mode; the network stays as it is."""
    return copy.deepcopy(network).to("meta").eval()


def flops_s3l(backbone: nn.Module, image_px: int, feature_dim: int) -> int:
    """Count FLOPs of one image by the rule behind S3L's tables.

    Multiply-accumulates of convolutions + 4 x batch norm outputs + 2 x in x out of a 1000-way
    linear layer + elements entering the global average pooling. ReLU, max-pooling and additions
    are free.

    Args:
        backbone: A timm convolutional network without classifier.
        image_px: Side of the image.
        feature_dim: Width ``D`` of its features.

    Raises:
        UserError: The network has no batch norm or global pooling to count.

    Source:
        Derived from the "#FLOPs" columns of Cao & Wu 2021, arXiv:2103.13559, which it reproduces.
    """
    shadow = _shadow(backbone)
    pooling = dict(shadow.named_modules()).get("net.global_pool")
    norms = [module for module in shadow.modules() if isinstance(module, nn.BatchNorm2d)]
    if pooling is None or not norms:
        raise UserError("--rule: must be macs for this backbone, S3L's rule is for CNNs, got s3l")
    convolutions = [module for module in shadow.modules() if isinstance(module, nn.Conv2d)]
    count = [2 * feature_dim * IMAGENET_CLASSES]

    def add(cost: Callable[[Any, Tensor, Tensor], int]) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            count[0] += cost(module, inputs[0], output)

        return hook

    costs: list[tuple[list[Any], Callable[[Any, Tensor, Tensor], int]]] = [
        (convolutions, lambda conv, _in, out: out.numel() * conv.weight[0].numel()),
        (norms, lambda _norm, _in, out: 4 * out.numel()),
        ([pooling], lambda _pool, entering, _out: entering.numel()),
    ]
    for modules, cost in costs:
        for module in modules:
            module.register_forward_hook(add(cost))
    with torch.no_grad():
        shadow(torch.zeros(1, 3, image_px, image_px, device="meta"))
    return count[0]


def mean_over_epochs(costs: Sequence[float], epochs: Sequence[int]) -> float:
    """Return the epoch-weighted mean of the costs of stages.

    Args:
        costs: Cost of an image in each stage, in any unit.
        epochs: Length of each stage.

    Source:
        Cao & Wu 2021 (S3L), arXiv:2103.13559. For stages of 800, 200 and 100 epochs the paper
        divides by 1300; this is the mean over the 1100 epochs that there are.
    """
    return sum(c * e for c, e in zip(costs, epochs, strict=True)) / sum(epochs)
