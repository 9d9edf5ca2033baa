"""The backbone contract, and the table of backbones edgessl knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from edgessl.backbones.last_stage import remove_mobilenet_stage, remove_resnet_stage
from edgessl.errors import UserError, nearest

LastStage = Literal["keep", "remove"]


@dataclass(frozen=True, slots=True)
class Family:
    """How to build one backbone.

    Attributes:
        timm_name: Architecture name in timm.
        remove_last_stage: Cuts the last stage off in place; None where there is none to cut.
        fixed_px: Whether the network is built for one image size (position embeddings).
    """

    timm_name: str
    remove_last_stage: Callable[[nn.Module], None] | None
    fixed_px: bool = False


BACKBONES: dict[str, Family] = {
    "mobilenetv2": Family("mobilenetv2_100", remove_mobilenet_stage),
    "resnet18": Family("resnet18", remove_resnet_stage),
    "vit-ti16": Family("vit_tiny_patch16_224", None, fixed_px=True),
}


class Backbone(nn.Module):
    """A network that turns images into features.

    Args:
        name: A key of ``BACKBONES``.
        last_stage: ``"remove"`` cuts the last stage off (S3L's "conv5": the stride-32 stage of a
            MobileNet, ``layer4`` of a ResNet).
        image_px: Side of the images it will see; used by networks with position embeddings.

    Attributes:
        net: The timm network without classifier; its keys are timm's.
        feature_dim: Width ``D`` of the features, probed by a forward pass.

    Raises:
        UserError: The name is unknown, or the backbone has no last stage to remove.
    """

    def __init__(self, name: str, last_stage: LastStage = "keep", image_px: int = 224) -> None:
        super().__init__()
        if name not in BACKBONES:
            raise UserError(
                f"backbone.name: must be one of {', '.join(BACKBONES)}, got '{name}'"
                f"{nearest(name, BACKBONES) or '; see `edgessl list backbones`'}"
            )
        family = BACKBONES[name]
        size: dict[str, Any] = {"img_size": image_px} if family.fixed_px else {}
        self.name = name
        self.last_stage: LastStage = last_stage
        self.image_px = image_px
        self.net: nn.Module = timm.create_model(family.timm_name, num_classes=0, **size)
        if last_stage == "remove":
            if family.remove_last_stage is None:
                raise UserError(
                    f"backbone.last_stage: must be 'keep' for {name}, got 'remove'; "
                    "only convolutional backbones have a last stage to remove"
                )
            family.remove_last_stage(self.net)
        self.feature_dim = _probe_feature_dim(self.net, image_px)

    def forward(self, images: Tensor) -> Tensor:
        """Compute features.

        Args:
            images: Normalised images, ``(B, 3, H, W)``.

        Returns:
            Features, ``(B, D)``.
        """
        features: Tensor = self.net(images)
        return features


def _probe_feature_dim(net: nn.Module, image_px: int) -> int:
    was_training = net.training
    net.eval()  # a forward in training mode would move the BN statistics
    device = next(net.parameters()).device
    with torch.no_grad():
        features = net(torch.zeros(1, 3, image_px, image_px, device=device))
    net.train(was_training)
    return int(features.shape[1])
