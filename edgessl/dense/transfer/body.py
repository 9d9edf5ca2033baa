"""Backbones as torchvision's detectors take them: images to named feature maps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import cast

import torch
from timm.models.efficientnet import EfficientNet
from timm.models.resnet import ResNet
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from edgessl.backbones import Backbone
from edgessl.backbones.maps import PROBE_PX, drop_unmapped, feature_maps
from edgessl.errors import UserError

NormLayer = Callable[..., nn.Module]


class WideEnd(nn.Module):
    """What a MobileNet or EfficientNet has behind its last stage: a 1x1 convolution and BN.

    Args:
        net: The network; it keeps its layers.
    """

    def __init__(self, net: EfficientNet) -> None:
        super().__init__()
        self.net = (net,)  # hidden: its weights belong to the body

    def forward(self, features: Tensor) -> Tensor:
        """Widen the last map, ``(B, C, h, w)`` to ``(B, D, h, w)``."""
        net = self.net[0]
        widened: Tensor = net.bn2(net.conv_head(features))
        return widened


class Pyramid(nn.Module):
    """A feature pyramid on maps of a backbone, with one further map by pooling.

    Args:
        backbone: Its maps are read; what it does not need for them is cut off.
        strides: Of the maps, the finest first.
        width: Channels of the pyramid.
        wide_end: Whether the coarsest map is the one behind a MobileNet's last 1x1 convolution.
        norm: Layer behind each convolution of the pyramid; None for none.

    Attributes:
        out_channels: ``width``, as torchvision wants it named.

    Raises:
        UserError: The backbone has no map of one of the strides, or no such end.

    Source:
        Lin et al. 2017 (FPN), arXiv:1612.03144.
    """

    def __init__(
        self, backbone: Backbone, strides: Sequence[int], width: int, *, wide_end: bool = False,
        norm: NormLayer | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if wide_end and not (
            isinstance(backbone.net, EfficientNet) and hasattr(backbone.net, "conv_head")
        ):
            raise UserError(
                f"detector.wide_end: must be false for {backbone.name}, which has no wide 1x1 "
                "convolution at its end; leave it out"
            )
        self.body = backbone
        self.end = WideEnd(cast(EfficientNet, backbone.net)) if wide_end else None
        if not wide_end:
            drop_unmapped(backbone.net)
        cut_classifier(backbone.net)
        self.strides = tuple(strides)
        self.out_channels = width
        channels = self._channels()
        self.fpn = FeaturePyramidNetwork(channels, width, LastLevelMaxPool(), norm)

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the backbone's maps at the strides, the finest first."""
        found = feature_maps(self.body.net, images)
        chosen = [found[stride] for stride in self.strides]
        if self.end is not None:
            chosen[-1] = self.end(chosen[-1])
        return chosen

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the pyramid.

        Args:
            images: Normalised, ``(B, 3, H, W)``, sides multiples of the largest stride.

        Returns:
            ``"0"``, ``"1"`` … and ``"pool"``, each ``(B, width, h, w)``.
        """
        named = OrderedDict((str(i), one) for i, one in enumerate(self.maps(images)))
        pyramid: dict[str, Tensor] = self.fpn(named)
        return pyramid

    def _channels(self) -> list[int]:
        training, side = self.training, max(PROBE_PX, 2 * max(self.strides))
        self.eval()
        with torch.no_grad():
            probe = torch.zeros(1, 3, side, side, device="cpu")
            there = feature_maps(self.body.net, probe)
            missing = [stride for stride in self.strides if stride not in there]
            if missing:
                raise UserError(
                    f"detector.strides: must be of {self.body.name}'s maps "
                    f"({', '.join(map(str, there))}), got {list(self.strides)}"
                )
            channels = [int(one.shape[1]) for one in self.maps(probe)]
        self.train(training)
        return channels


class C4(nn.Module):
    """A ResNet up to its last stage but one: a single map, 16 times smaller than the image.

    Args:
        backbone: A ResNet; its last stage is taken out of it, for the head of each region.

    Attributes:
        out_channels: Of the map.

    Raises:
        UserError: It is no whole ResNet.

    Source:
        He et al. 2017 (Mask R-CNN), arXiv:1703.06870, section 3.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        if not isinstance(backbone.net, ResNet) or backbone.last_stage != "keep":
            raise UserError(
                f"detector.maps: must be 'fpn' for {backbone.name}, got 'c4', whose head is a "
                "ResNet's last stage"
            )
        self.body = backbone
        net = backbone.net
        # hidden: the head of regions has it
        self.last_stage: tuple[nn.Module, ...] = (cast(nn.Module, net.layer4),)
        cut_classifier(net)
        net.layer4 = nn.Identity()
        self.out_channels, self.last_channels = (
            cast(int, one["num_chs"]) for one in net.feature_info[3:]
        )

    def forward(self, images: Tensor) -> Tensor:
        """Compute the map ``(B, C, H / 16, W / 16)``."""
        return feature_maps(self.body.net, images)[16]


def cut_classifier(net: nn.Module) -> None:
    """Take a transformer's or CNN's classifier off, in place: maps are read before it."""
    for name in ("fc", "classifier", "head"):
        if isinstance(getattr(net, name, None), nn.Linear):
            setattr(net, name, nn.Identity())
