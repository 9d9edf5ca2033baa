"""What a recipe of a segmenter may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.detector_table import AugmentTable, DetectorImageTable, FineTuningOptim
from edgessl.recipe.tables import BackboneTable, Count
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


class SegmenterTrainTable(Table):
    """How a segmenter is trained.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images in a step.
        optim: Optimiser and schedules.
        val_every_percent: How often mIoU is measured on val, in percent of the training.
        augment: What training does to images; ``min_visible`` is for boxes.
    """

    epochs: Count
    batch_size: Count
    optim: FineTuningOptim
    val_every_percent: Annotated[float, Field(gt=0.0, le=100.0)] = 10.0
    augment: AugmentTable = AugmentTable(area=(0.25, 1.0))


class SegmenterRecipe(Table):
    """A recipe of a segmenter.

    Attributes:
        task: ``"segment"``: tells it from a recipe of pretraining.
        name: Its name.
        source: The folder of the catalogue that it lies in.
        backbone: The network that it reads maps of.
        image: How images are fed.
        segmenter: What it adds.
        train: How it is trained.
    """

    task: Literal["segment"]
    name: str
    source: str = ""
    backbone: BackboneTable
    image: DetectorImageTable = DetectorImageTable()
    segmenter: LrAsppTable
    train: SegmenterTrainTable
