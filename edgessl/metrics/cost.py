"""What a network costs: parameters, MACs, S3L's FLOPs, part by part and over a schedule."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
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


with warnings.catch_warnings():  # it uses what PyTorch deprecates
    warnings.simplefilter("ignore", FutureWarning)
    from fvcore.nn import FlopCountAnalysis
    from fvcore.nn.jit_handles import get_shape

FREE = ("aten::batch_norm", "aten::layer_norm", "aten::adaptive_avg_pool2d")
"""fvcore counts these; here they are free, as in ``cost.macs``."""

OPENED_SHARE = 0.5
"""A part with more of the MACs is shown by its own parts."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a network.

    Attributes:
        name: Of the module, such as ``"blocks.3"``.
        params: Parameters in it.
        macs: Multiply-accumulates of one image in it.
    """

    name: str
    params: int
    macs: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def parts(network: nn.Module, image_px: int) -> list[Part]:
    """Count by fvcore what each part of a network costs, in the order of the network.

    Args:
        network: Images ``(B, 3, H, W)`` to features. It stays as it is.
        image_px: Side of the image.

    Returns:
        Parts that share no module, those with neither parameters nor MACs left out. Their sums are
        those of the network, but for parameters that it holds outside all of its parts.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    shadow = shadow.to_empty(device="cpu")  # a trace needs tensors; what is in them does not matter
    macs = analyse(shadow, image_px).by_module()
    found = [
        Part(name.removeprefix("net."), params(module), int(macs[name]))
        for name, module in _open(shadow, "", OPENED_SHARE * macs[""], macs)
    ]
    return [part for part in found if part.params or part.macs]


def analyse(network: nn.Module, image_px: int) -> FlopCountAnalysis:
    """Return fvcore's count of one image: convolutions, linear layers and attention.

    Args:
        network: In evaluation mode, on the CPU: fvcore traces it.
        image_px: Side of the image.
    """
    image = torch.zeros(1, 3, image_px, image_px, device="cpu")
    analysis = FlopCountAnalysis(network, image)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.set_op_handle("aten::scaled_dot_product_attention", _attention)
    for operator in FREE:
        analysis.set_op_handle(operator, _nothing)
    return analysis


def _open(
    module: nn.Module, name: str, opened: float, macs: dict[str, int]
) -> list[tuple[str, nn.Module]]:
    """Return the parts of a module, those again opened that hold more than ``opened`` MACs."""
    found: list[tuple[str, nn.Module]] = []
    for child_name, child in module.named_children():
        full = f"{name}.{child_name}" if name else child_name
        if macs[full] > opened and next(child.children(), None) is not None:
            found += _open(child, full, opened, macs)
        else:
            found.append((full, child))
    return found


def _nothing(_inputs: list[Any], _outputs: list[Any]) -> int:
    return 0


def _attention(inputs: list[Any], _outputs: list[Any]) -> int:
    """Count both products of softmax(q k') v, for q, k and v of one shape."""
    *heads, tokens, width = get_shape(inputs[0])
    count: int = 2 * tokens * tokens * width
    for size in heads:
        count *= size
    return count
