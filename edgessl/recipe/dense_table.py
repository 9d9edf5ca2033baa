"""What the recipes of detectors and segmenters have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from edgessl.recipe.optim_tables import AdamW, Sgd
from edgessl.recipe.tables import BackboneTable, Count, Positive
from edgessl.recipe.view_tables import Interpolation
from edgessl.schema import Table

Share = Annotated[float, Field(ge=0.0, le=1.0)]
FineTuningOptim = Annotated[AdamW | Sgd, Field(discriminator="name")]


class DenseImageTable(Table):
    """How images are fed: resized to a square, whatever their shape.

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
    """What training does to images and their answers, each with draws of its own.

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


class DenseTrainTable(Table):
    """How a network with answers at places is trained.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images in a step.
        optim: Optimiser and schedules.
        val_every_percent: How often it is scored on val, in percent of the training.
        augment: What training does to images.
    """

    epochs: Count
    batch_size: Count
    optim: FineTuningOptim
    val_every_percent: Annotated[float, Field(gt=0.0, le=100.0)] = 10.0
    augment: AugmentTable = AugmentTable()


class DenseRecipe(Table):
    """A recipe of a network with answers at places.

    Attributes:
        name: Its name.
        source: The folder of the catalogue that it lies in.
        backbone: The network that it reads maps of.
        image: How images are fed.
    """

    name: str
    source: str = ""
    backbone: BackboneTable
    image: DenseImageTable = DenseImageTable()
