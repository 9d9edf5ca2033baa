"""What a recipe may say about supervised pretraining."""

from __future__ import annotations

from typing import Literal

from edgessl.recipe.method_tables.projection import NonNegative, Share
from edgessl.recipe.method_tables.table import HiddenLayers, MethodTable


class SupervisedPretrainingTable(MethodTable):
    """Supervised pretraining, on labelled images alone; ``[data]`` says which labels it learns.

    Attributes:
        label_smoothing: Share of the target spread over all labels.
        mixup_alpha: Parameter of the Beta distribution that mixes pairs of images; 0 for none.
        classifier_std: The classifier's weights start normal with this deviation and its biases at
            0; left out or 0: as PyTorch starts linear layers.
    """

    name: Literal["supervised"]
    label_smoothing: Share = 0.0
    mixup_alpha: NonNegative = 0.0
    classifier_std: NonNegative | None = None

    def hidden_layers(self, feature_dim: int) -> HiddenLayers:
        """Return none: the classifier reads the features."""
        return HiddenLayers()

    def learns_labels(self) -> bool:
        """Say that it does."""
        return True

    def fewest_views(self) -> int:
        """Return 1: every view has the image's label."""
        return 1
