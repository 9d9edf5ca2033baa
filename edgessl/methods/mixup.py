"""Mixup: which images are mixed with which, and how much of each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Beta

from edgessl.distributed.collectives import from_first, gather, own_part, processes


@dataclass(frozen=True, slots=True)
class Mixup:
    """One draw, for a batch of all processes.

    Attributes:
        weight: Of each image; its partner has the rest. 1 for images that stay as they are.
        partners: Rows of the gathered batch that this process's images are mixed with, ``(B,)``.
    """

    weight: float = 1.0
    partners: Tensor | None = None

    def images(self, images: Tensor) -> Tensor:
        """Return images mixed with their partners, ``(B, 3, H, W)``."""
        if self.partners is None:
            return images
        others = gather(images)[self.partners.to(images.device)]
        return self.weight * images + (1.0 - self.weight) * others

    def group(self, views: Tensor) -> Tensor:
        """Return a group of views mixed with those of their partners, ``(V, B, 3, H, W)``."""
        if self.partners is None:
            return views
        return torch.stack([self.images(view) for view in views])

    def partners_of(self, labels: Tensor) -> Tensor:
        """Return the labels of the partners, ``(B,)``."""
        if self.partners is None:
            return labels
        return gather(labels)[self.partners.to(labels.device)]


def draw_mixup(alpha: float, images: int) -> Mixup:
    """Draw a weight and partners from torch's generator, the same for all processes.

    Args:
        alpha: Parameter of the Beta distribution of the weight; 0 for none, which draws nothing.
        images: In this process's part of the batch.

    Source:
        Zhang et al. 2018, arXiv:1710.09412; one draw a batch, as S3L's fine-tuning. The batch is
        the global one: weight and partners are the first process's draw, and partners come from
        every process.
    """
    if alpha == 0:
        return Mixup()
    weight = float(from_first(Beta(alpha, alpha).sample()))
    return Mixup(weight, own_part(from_first(torch.randperm(processes() * images))))
