"""What a network costs: parameters, multiply-accumulates, and S3L's FLOPs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from edgessl.errors import UserError
from edgessl.metrics.modes import restored_modes

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
    example = torch.zeros(1, 3, image_px, image_px, device=next(network.parameters()).device)
    with restored_modes(network), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # fvcore needs torch.jit, which is deprecated
        from fvcore.nn import FlopCountAnalysis

        network.eval()
        analysis = FlopCountAnalysis(network, example)
        analysis.unsupported_ops_warnings(False)
        analysis.uncalled_modules_warnings(False)
        analysis.set_op_handle("aten::scaled_dot_product_attention", _attention_macs)
        for free in ("batch_norm", "layer_norm", "group_norm", "adaptive_avg_pool2d"):
            analysis.set_op_handle(f"aten::{free}", _free)
        return int(analysis.total())


def _free(_inputs: list[Any], _outputs: list[Any]) -> int:
    """Cost nothing. fvcore's own way to ignore an operator leaves its built-in count in place."""
    return 0


def _attention_macs(inputs: list[Any], _outputs: list[Any]) -> int:
    """Count query x key and weights x value, which fvcore leaves out."""
    query, key, value = (tensor.type().sizes() for tensor in inputs[:3])
    tokens, keys = query[-2], key[-2]
    return int(prod(query[:-2]) * tokens * keys * (query[-1] + value[-1]))


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
    pooling = dict(backbone.named_modules()).get("net.global_pool")
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    if pooling is None or not norms:
        raise UserError("--rule: must be macs for this backbone, S3L's rule is for CNNs, got s3l")
    convolutions = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
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
    handles = [
        module.register_forward_hook(add(cost)) for modules, cost in costs for module in modules
    ]
    device = next(backbone.parameters()).device
    try:
        with restored_modes(backbone), torch.no_grad():
            backbone.eval()(torch.zeros(1, 3, image_px, image_px, device=device))
    finally:
        for handle in handles:
            handle.remove()
    return count[0]
