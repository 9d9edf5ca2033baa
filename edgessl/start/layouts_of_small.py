"""How ssl-small's code names MobileNetV3 and its DeiT-tiny; its other networks have known names.

Its EfficientNet is EfficientNet-PyTorch's and its ResNets are torchvision's. The names are those of
github.com/WOWNICE/ssl-small at 815aea9; its checkpoints, and the distilled ones that it starts
from, hold the network below a prefix such as ``module.encoder_q.``.
"""

from __future__ import annotations

from collections.abc import Iterator

from timm.models.mobilenetv3 import MobileNetV3
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from edgessl.start.layout import Block, Layout, Names, blocks_of

_SE_FIRST = (
    "Their blocks squeeze before the second activation, these after it: features are not theirs "
    "until they are trained on."
)
_PER_BLOCK = {
    "0.norm": "norm1", "0.fn.to_qkv": "attn.qkv", "0.fn.to_out.0": "attn.proj",
    "1.norm": "norm2", "1.fn.net.0": "mlp.fc1", "1.fn.net.3": "mlp.fc2",
}  # fmt: skip


def _mobilenetv3(net: nn.Module) -> Names:
    """All blocks in one list with the stem; the last convolution and the linear layer outside."""
    if not isinstance(net, MobileNetV3):
        return {}
    *blocks, last = blocks_of(net)
    found = {"features.0.0": "conv_stem", "features.0.1": "bn1", "classifier.0": "conv_head"}
    found |= {f"conv.{i}": name for i, name in enumerate(last.units[0])}
    for number, block in enumerate(blocks, start=1):
        found |= {f"features.{number}.conv.{place}": ours for place, ours in _in_order(block)}
    return found


def _in_order(block: Block) -> Iterator[tuple[str, str]]:
    """Number the modules of a block; activations count, and the place of what does not squeeze.

    A block that expands has (convolution, norm, activation), (convolution, norm, squeeze,
    activation), (convolution, norm); one that does not has the squeeze after its activation.
    """
    plain = [unit for unit in block.units if not block.squeezes(unit)]
    starts = (0, 3, 7) if len(plain) == 3 else (0, 4)
    for start, unit in zip(starts, plain, strict=False):
        yield from ((f"{start + i}", name) for i, name in enumerate(unit))
    squeeze = 5 if len(plain) == 3 else 3
    for unit in block.units:
        if block.squeezes(unit):
            yield from ((f"{squeeze}.fc.{2 * i}", name) for i, name in enumerate(unit))


def _deit(net: nn.Module) -> Names:
    if not isinstance(net, VisionTransformer):
        return {}
    found = {"": "", "to_patch_embedding.1": "patch_embed.proj", "mlp_head.0": "norm"}
    for number in range(len(net.blocks)):
        found |= {f"transformer.layers.{number}.{theirs}": f"blocks.{number}.{ours}"
                  for theirs, ours in _PER_BLOCK.items()}  # fmt: skip
    return found


def _squeezes_first(net: nn.Module) -> str:
    return _SE_FIRST if isinstance(net, MobileNetV3) else ""


SMALL_LAYOUTS = (
    Layout("ssl-small", _mobilenetv3, differs=_squeezes_first),
    Layout(
        "ssl-small", _deit, own_tensors={"pos_embedding": "pos_embed", "cls_token": "cls_token"},
        flat_patches=True,
    ),
)
