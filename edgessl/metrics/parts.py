"""Which parts of a network its parameters and multiply-accumulates are in."""

from __future__ import annotations

import copy
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from edgessl.metrics.cost import params

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
