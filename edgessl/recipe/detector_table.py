"""What a recipe of a detector may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.dense_table import DenseRecipe, DenseTrainTable, Share
from edgessl.recipe.tables import Positive
from edgessl.schema import Table

TASK = "detect"


class HeadTable(Table):
    """What all heads of detectors have.

    Attributes:
        width: Channels of the maps that a light feature pyramid makes of the backbone's.
        strides: Of the maps; those beyond the backbone's coarsest are made by strided convolutions.
        nms_iou: Overlap from which of two boxes of a class the weaker one goes.
        min_score: Boxes below it are not told.
        max_boxes: The most boxes told for a class of an image.
    """

    width: Annotated[int, Field(ge=8, le=1024)] = 96
    strides: tuple[Annotated[int, Field(ge=4, le=512)], ...] = (8, 16, 32, 64)
    nms_iou: Share = 0.5
    min_score: Share = 0.01
    max_boxes: Annotated[int, Field(ge=1, le=1000)] = 100

    @model_validator(mode="after")
    def _check_strides(self) -> HeadTable:
        doubled = [2 * stride for stride in self.strides[:-1]]
        if not self.strides or list(self.strides[1:]) != doubled:
            raise ValueError(
                f"strides must double from each to the next, got {list(self.strides)}"
            )
        return self


class SsdLiteTable(HeadTable):
    """SSDLite: separable convolutions predict boxes at every cell of some maps.

    Attributes:
        anchor_base: Side of the smallest default box of a map, in its strides.
        octaves: Factors of that side.
        ratios: Width to height of default boxes.
        match_iou: Overlap from which a default box learns an object's box.
        negatives: Background boxes that are learned for each that is matched: the hardest ones.
    """

    name: Literal["ssdlite"]
    anchor_base: Positive = 3.0
    octaves: tuple[Positive, ...] = (1.0, 1.4142)
    ratios: tuple[Positive, ...] = (1.0, 2.0, 0.5)
    match_iou: Share = 0.5
    negatives: Positive = 3.0

    @model_validator(mode="after")
    def _check(self) -> SsdLiteTable:
        if not self.octaves or not self.ratios:
            raise ValueError("octaves and ratios must hold a number each, got none")
        return self


class FcosLiteTable(HeadTable):
    """FCOS with a light head: every cell of some maps predicts one box, without default boxes.

    Attributes:
        depth: Separable convolutions between the pyramid and the predictions of each level.
        radius: Strides around the centre of an object in which cells learn it.
    """

    name: Literal["fcoslite"]
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    radius: Positive = 1.5


DetectorHead = Annotated[SsdLiteTable | FcosLiteTable, Field(discriminator="name")]


class DetectorTrainTable(DenseTrainTable):
    """How a detector is trained.

    Attributes:
        batchnorm: Whether the statistics of the backbone's BN move, or stay as they came; with a
            random start they always move.
    """

    batchnorm: Literal["train", "frozen"] = "train"


class DetectorRecipe(DenseRecipe):
    """A recipe of a detector.

    Attributes:
        task: ``"detect"``: tells it from a recipe of pretraining.
        detector: What it adds.
        train: How it is trained.
    """

    task: Literal["detect"]
    detector: DetectorHead
    train: DetectorTrainTable
