"""The backbone contract: a network that turns images into features."""

from __future__ import annotations

from typing import Literal

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from edgessl.backbones.build_net import build_net
from edgessl.backbones.last_stage import has_last_stage, remove_last_stage
from edgessl.errors import UserError

LastStage = Literal["keep", "remove"]


class Backbone(nn.Module):
    """A network that turns images into features.

    Args:
        name: A key of ``BACKBONES``, or ``timm:NAME``.
        last_stage: ``"remove"`` cuts the last stage off (S3L's "conv5").
        image_px: Side of the images it will see most; position embeddings are made for it, and
            resampled for images of other sizes.
        dropout: Of the features; in a DeiT after every layer instead.
        drop_path: Stochastic depth of the last block, growing linearly over the blocks.
        batchnorm_eps: What BN adds to variances; None: as timm has it.
        batchnorm_momentum: Share of a batch in BN's running statistics; None: as timm has it.

    Attributes:
        net: The network without classifier; its keys are timm's.
        feature_dim: Width ``D`` of the features, probed by a forward pass.
        fixed_px: Whether some of its weights belong to images of ``image_px``.

    Raises:
        UserError: The name is unknown, or the network cannot be what is asked for.

    Examples:
        >>> import edgessl, torch
        >>> backbone = edgessl.Backbone("resnet18", image_px=64)
        >>> backbone(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 512])
    """

    def __init__(
        self,
        name: str,
        last_stage: LastStage = "keep",
        image_px: int = 224,
        *,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        batchnorm_eps: float | None = None,
        batchnorm_momentum: float | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.last_stage: LastStage = last_stage
        self.image_px = image_px
        self.net = build_net(name, image_px, dropout=dropout, drop_path=drop_path)
        self.batchnorm_eps = batchnorm_eps
        _set_batchnorm(self.net, batchnorm_eps, batchnorm_momentum)
        self.fixed_px = _depends_on_size(self.net)
        if last_stage == "remove":
            if not has_last_stage(self.net):
                raise UserError(
                    f"backbone.last_stage: must be 'keep' for {name}, got 'remove'; only networks "
                    "built like a ResNet, a MobileNet or an EfficientNet have one to remove"
                )
            remove_last_stage(self.net)
        self.feature_dim = self.probe(image_px)

    def forward(self, images: Tensor) -> Tensor:
        """Compute features.

        Args:
            images: Normalised images, ``(B, 3, H, W)``.

        Returns:
            Features, ``(B, D)``.
        """
        features: Tensor = self.net(images)
        return features

    def probe(self, image_px: int) -> int:
        """Return the width of the features of one image, computed in evaluation mode.

        Args:
            image_px: Side of the image.

        Raises:
            UserError: The network does not take such an image, or gives no features ``(B, D)``.
        """
        was_training = self.net.training
        self.net.eval()  # a forward in training mode would move the BN statistics
        device = next(self.net.parameters()).device
        try:
            with torch.no_grad():
                features = self.net(torch.zeros(1, 3, image_px, image_px, device=device))
        except (AssertionError, RuntimeError) as error:
            raise UserError(
                f"backbone.name: {self.name} must take images of {image_px} px, got "
                f"'{' '.join(str(error).split())[:160]}'; choose another size"
            ) from error
        finally:
            self.net.train(was_training)
        if not isinstance(features, Tensor) or features.ndim != 2:
            raise UserError(
                f"backbone.name: {self.name} must give one vector of features for an image, got "
                "something else; choose another network"
            )
        return int(features.shape[1])


def _set_batchnorm(net: nn.Module, eps: float | None, momentum: float | None) -> None:
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = module.eps if eps is None else eps
            module.momentum = module.momentum if momentum is None else momentum


def _depends_on_size(net: nn.Module) -> bool:
    """Tell whether a network has weights for one image size, such as position embeddings."""
    positions = [name for name, _ in net.named_parameters() if "pos" in name.rpartition(".")[2]]
    return isinstance(net, VisionTransformer) or bool(positions)
