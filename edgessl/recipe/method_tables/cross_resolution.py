"""What a recipe may say about cross-resolution training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from edgessl.recipe.method_tables.table import HiddenLayers, MethodTable
from edgessl.recipe.view_tables import ViewGroup

FEWEST_PX = 8
"""The smallest view that a recipe may ask for."""


class CrossResolutionTable(MethodTable):
    """Small images are to have the features that the start has of the same images when large.

    ``size_px`` of the views is the side of the large ones.

    Attributes:
        ratio: Side of the large view over the side that the network learns to see.
        centre: The mean of the start's normalised features is taken off before they are compared,
            so that what all images share does not count.
        freeze_batchnorm: Keep the BN statistics of the start.
    """

    name: Literal["cross_resolution"]
    ratio: Annotated[float, Field(gt=1.0, le=8.0)] = 2.0
    centre: bool = True
    freeze_batchnorm: bool = True

    def small_px(self, size_px: int) -> int:
        """Return the side of the small view of a large one."""
        return round(size_px / self.ratio)

    def hidden_layers(self, feature_dim: int) -> HiddenLayers:
        """Return none: features are compared as they are."""
        return HiddenLayers()

    def fewest_views(self) -> int:
        """Return 1: a view is compared with itself at another size."""
        return 1

    def mistakes(self, views: Sequence[ViewGroup], images: int) -> Iterator[str]:
        """Say which views would be too small.

        Args:
            views: Groups of views.
            images: Not used.
        """
        for number, group in enumerate(views):
            if self.small_px(group.size_px) < FEWEST_PX:
                yield (
                    f"method.ratio must leave at least {FEWEST_PX} px of views.{number}.size_px = "
                    f"{group.size_px}, got {self.ratio:g}"
                )

    def may_collapse(self) -> bool:
        """Say no: the targets stand still."""
        return False

    def keeps_batchnorm(self) -> bool:
        """Say whether BN statistics are kept."""
        return self.freeze_batchnorm

    def needs_start(self) -> str:
        """Say why it needs one."""
        return "it learns from the features that given weights have of large images"
