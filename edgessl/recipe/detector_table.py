"""What a recipe of a detector may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.optim_tables import AdamW, Sgd
from edgessl.recipe.tables import BackboneTable, Count, Positive
from edgessl.recipe.view_tables import Interpolation
from edgessl.schema import Table

Share = Annotated[float, Field(ge=0.0, le=1.0)]
FineTuningOptim = Annotated[AdamW | Sgd, Field(discriminator="name")]
TASK = "detect"


class DetectorImageTable(Table):
    """How images are fed to a detector: resized to a square, whatever their shape.

    Attributes:
        mean: Per-channel mean on the [0, 1] scale.
        std: Per-channel standard deviation.
        input_px: Side S of the square, a multiple of 32.
        interpolation: Kernel of the resize.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    input_px: Annotated[int, Field(ge=64, le=2048, multiple_of=32)] = 320
    interpolation: Interpolation = "bilinear"


class AugmentTable(Table):
    """What training does to images and their boxes, each with draws of its own.

    Attributes:
        area: Share of the image that a crop covers, from and to; above 1 zooms out, onto black.
        ratio: Change of width to height by the crop, from and to.
        zoom_share: Share of images that are cropped at all.
        flip_share: Share of images that are mirrored left to right.
        flip_vertical_share: And top to bottom, for images without an up.
        jitter_share: Share of images whose colours change.
        jitter: Strength of brightness, contrast, saturation and hue.
        min_visible: Boxes that a crop leaves less of are not learned.
    """

    area: tuple[Positive, Positive] = (0.4, 1.6)
    ratio: tuple[Positive, Positive] = (0.75, 1.3333)
    zoom_share: Share = 0.8
    flip_share: Share = 0.5
    flip_vertical_share: Share = 0.0
    jitter_share: Share = 0.8
    jitter: tuple[Share, Share, Share, Share] = (0.3, 0.3, 0.3, 0.02)
    min_visible: Share = 0.3

    @model_validator(mode="after")
    def _check(self) -> AugmentTable:
        for name in ("area", "ratio"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must be from a smaller to a larger number, got {low:g} "
                                 f"to {high:g}")
        return self


class SsdLiteTable(Table):
    """SSDLite: separable convolutions predict boxes at every cell of some maps.

    Attributes:
        width: Channels of the maps that a light feature pyramid makes of the backbone's.
        strides: Of the maps; those beyond the backbone's coarsest are made by strided convolutions.
        anchor_base: Side of the smallest default box of a map, in its strides.
        octaves: Factors of that side.
        ratios: Width to height of default boxes.
        match_iou: Overlap from which a default box learns an object's box.
        negatives: Background boxes that are learned for each that is matched: the hardest ones.
        nms_iou: Overlap from which of two boxes of a class the weaker one goes.
        min_score: Boxes below it are not told.
        max_boxes: The most boxes told for a class of an image.
    """

    name: Literal["ssdlite"]
    width: Annotated[int, Field(ge=8, le=1024)] = 96
    strides: tuple[Annotated[int, Field(ge=4, le=512)], ...] = (8, 16, 32, 64)
    anchor_base: Positive = 3.0
    octaves: tuple[Positive, ...] = (1.0, 1.4142)
    ratios: tuple[Positive, ...] = (1.0, 2.0, 0.5)
    match_iou: Share = 0.5
    negatives: Positive = 3.0
    nms_iou: Share = 0.5
    min_score: Share = 0.01
    max_boxes: Annotated[int, Field(ge=1, le=1000)] = 100

    @model_validator(mode="after")
    def _check(self) -> SsdLiteTable:
        doubled = [2 * stride for stride in self.strides[:-1]]
        if not self.strides or list(self.strides[1:]) != doubled:
            raise ValueError(
                f"strides must double from each to the next, got {list(self.strides)}"
            )
        if not self.octaves or not self.ratios:
            raise ValueError("octaves and ratios must hold a number each, got none")
        return self


class DetectorTrainTable(Table):
    """How a detector is trained.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images in a step.
        optim: Optimiser and schedules.
        batchnorm: Whether the statistics of the backbone's BN move, or stay as they came; with a
            random start they always move.
        val_every_percent: How often AP is measured on val, in percent of the training.
        augment: What training does to images.
    """

    epochs: Count
    batch_size: Count
    optim: FineTuningOptim
    batchnorm: Literal["train", "frozen"] = "train"
    val_every_percent: Annotated[float, Field(gt=0.0, le=100.0)] = 10.0
    augment: AugmentTable = AugmentTable()


class DetectorRecipe(Table):
    """A recipe of a detector.

    Attributes:
        task: ``"detect"``: tells it from a recipe of pretraining.
        name: Its name.
        source: The folder of the catalogue that it lies in.
        backbone: The network that it reads maps of.
        image: How images are fed.
        detector: What it adds.
        train: How it is trained.
    """

    task: Literal["detect"]
    name: str
    source: str = ""
    backbone: BackboneTable
    image: DetectorImageTable = DetectorImageTable()
    detector: SsdLiteTable
    train: DetectorTrainTable
