"""DINO's projection head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize


class DinoHead(nn.Module):
    """Two hidden layers, a normalised bottleneck, and a weight-normalised last layer.

    Args:
        in_dim: Width ``D`` of the features.
        hidden_dim: Width of the two hidden layers.
        bottleneck_dim: Width of the normalised bottleneck.
        prototypes: Number of outputs ``K``.
        batch_norm: BN after the hidden layers (CNNs yes, ViTs no).
        train_gain: Whether the last layer's gain is trained (ViTs) or stays 1 (CNNs).

    Source:
        Caron et al. 2021, arXiv:2104.14294; BN and gain as in SSLight.
    """

    def __init__(
        self,
        in_dim: int,
        hidden_dim: int,
        bottleneck_dim: int,
        prototypes: int,
        *,
        batch_norm: bool,
        train_gain: bool,
    ) -> None:
        super().__init__()

        def hidden(width: int) -> list[nn.Module]:
            norm = [nn.BatchNorm1d(hidden_dim)] if batch_norm else []
            return [nn.Linear(width, hidden_dim), *norm, nn.GELU()]

        self.mlp = nn.Sequential(
            *hidden(in_dim), *hidden(hidden_dim), nn.Linear(hidden_dim, bottleneck_dim)
        )
        for module in self.mlp:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        self.direction = nn.Parameter(nn.Linear(bottleneck_dim, prototypes, bias=False).weight)
        self.gain = nn.Parameter(torch.ones(prototypes, 1), requires_grad=train_gain)

    def last_layer(self) -> tuple[nn.Parameter, ...]:
        """Return the trainable parameters of the last layer."""
        return (self.direction, self.gain) if self.gain.requires_grad else (self.direction,)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute prototype logits.

        Args:
            features: ``(N, D)``.

        Returns:
            The normalised bottleneck ``(N, P)`` and the logits, cosines times the gain, ``(N, K)``.
        """
        bottleneck = normalize(self.mlp(features), dim=-1)
        prototypes = self.gain * normalize(self.direction, dim=-1)
        return bottleneck, linear(bottleneck, prototypes)
