"""What a recipe of a segmenter may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.dense_table import AugmentTable, DenseRecipe, DenseTrainTable
from edgessl.schema import Table

TASK = "segment"


class LrAsppTable(Table):
    """LR-ASPP: a coarse map gated by its mean, and a fine one, each with a linear classifier.

    Attributes:
        width: Channels between the coarse map and its classifier.
        low_stride: Stride of the fine map.
        high_stride: Stride of the coarse one.
    """

    name: Literal["lraspp"]
    width: Annotated[int, Field(ge=8, le=1024)] = 128
    low_stride: Literal[4, 8, 16] = 8
    high_stride: Literal[16, 32] = 16

    @model_validator(mode="after")
    def _check(self) -> LrAsppTable:
        if self.low_stride >= self.high_stride:
            raise ValueError(
                f"low_stride must be under high_stride ({self.high_stride}), got {self.low_stride}"
            )
        return self


class SegmenterTrainTable(DenseTrainTable):
    """How a segmenter is trained; ``augment.min_visible`` is for boxes."""

    augment: AugmentTable = AugmentTable(area=(0.25, 1.0))


class SegmenterRecipe(DenseRecipe):
    """A recipe of a segmenter.

    Attributes:
        task: ``"segment"``: tells it from a recipe of pretraining.
        segmenter: What it adds.
        train: How it is trained.
    """

    task: Literal["segment"]
    segmenter: LrAsppTable
    train: SegmenterTrainTable
