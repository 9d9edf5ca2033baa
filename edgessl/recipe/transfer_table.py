"""What a recipe of transfer as in the papers may say: a detector or a segmenter of theirs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.optim_tables import AdamW, Sgd
from edgessl.recipe.tables import BackboneTable, Count
from edgessl.schema import Table

Px = Annotated[int, Field(ge=16, le=8192)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Stride = Annotated[int, Field(ge=4, le=128)]
BatchNorm = Literal["train", "frozen"]
FineTuningOptim = Annotated[AdamW | Sgd, Field(discriminator="name")]
KIND = "transfer"


class MultiScaleTable(Table):
    """How images are fed to a detector: in their shape, at one of several sizes in training.

    Attributes:
        mean: Per-channel mean on the [0, 1] scale.
        std: Per-channel standard deviation.
        train_px: Shorter sides that training draws from.
        test_px: The shorter side in evaluation.
        max_px: The longer side is at most this; the shorter one gives way.
        flip_share: Share of images that training mirrors left to right.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    train_px: tuple[Px, ...]
    test_px: Px
    max_px: Px
    flip_share: Share = 0.5

    @model_validator(mode="after")
    def _check(self) -> MultiScaleTable:
        if not self.train_px:
            raise ValueError("train_px must hold a size, got none")
        if max(*self.train_px, self.test_px) > self.max_px:
            raise ValueError(
                f"max_px must be at least every train_px and test_px, got {self.max_px}"
            )
        return self


class RcnnTable(Table):
    """Faster R-CNN or Mask R-CNN.

    Attributes:
        name: Without or with masks.
        maps: What it reads: ``"c4"``, the map before a ResNet's last stage, which is then the head
            of each region; or ``"fpn"``, a feature pyramid.
        strides: Of the backbone's maps that the pyramid has.
        width: Channels of the pyramid.
        wide_end: Whether a MobileNet's coarsest map is the one behind its last 1x1 convolution.
        batchnorm: Whether the backbone's BN learns from each step's images (with one process the
            synchronised BN of the papers), or stays as it came.
        neck_batchnorm: BN in the pyramid; for ``"c4"`` one more behind the head of a region.
        box_head: Of a pyramid's regions: two linear layers, or four convolutions and one.
        head_batchnorm: BN in a head of convolutions, and in that of masks.
        anchor_px: Sides of anchors for each map, the finest first; the pyramid has one further map.
        proposals_before: Proposals of a map kept before suppression, in training and evaluation.
        proposals_after: And kept after it, of all maps.
        min_score: Boxes up to it are not told.
        nms_iou: Overlap above which of two boxes of a class the weaker one goes.
        max_boxes: The most boxes told for an image.
        precise_batchnorm_steps: Steps that BN's statistics are measured over before evaluation; 0
            keeps the running ones.
    """

    name: Literal["faster_rcnn", "mask_rcnn"]
    maps: Literal["c4", "fpn"]
    strides: Annotated[tuple[Stride, ...], Field(min_length=1)] = (4, 8, 16, 32)
    width: Annotated[int, Field(ge=8, le=1024)] = 256
    wide_end: bool = False
    batchnorm: BatchNorm = "train"
    neck_batchnorm: bool = False
    box_head: Literal["2fc", "4conv1fc"] = "2fc"
    head_batchnorm: bool = False
    anchor_px: tuple[Annotated[tuple[Px, ...], Field(min_length=1)], ...]
    proposals_before: tuple[Count, Count] = (2000, 1000)
    proposals_after: tuple[Count, Count] = (1000, 1000)
    min_score: Share = 0.05
    nms_iou: Share = 0.5
    max_boxes: Annotated[int, Field(ge=1, le=1000)] = 100
    precise_batchnorm_steps: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _check(self) -> RcnnTable:
        wanted = 1 if self.maps == "c4" else len(self.strides) + 1
        if len(self.anchor_px) != wanted:
            raise ValueError(
                f"anchor_px must have a list for each of {wanted} maps, got {len(self.anchor_px)}"
            )
        if len({len(one) for one in self.anchor_px}) > 1:
            raise ValueError("anchor_px must have as many sides for every map, got other counts")
        if self.maps == "c4" and self.box_head != "2fc":
            raise ValueError("box_head must be left out with maps = 'c4', whose head is a stage")
        return self


class TransferTrainTable(Table):
    """How long and with what a detector or a segmenter is trained.

    Attributes:
        iterations: Steps.
        batch_size: Images in a step.
        optim: Optimiser and schedules.
    """

    iterations: Count
    batch_size: Count
    optim: FineTuningOptim


class CropTable(Table):
    """How images are fed to a segmenter: whole in evaluation, random crops in training.

    Attributes:
        mean: Per-channel mean on the [0, 1] scale.
        std: Per-channel standard deviation.
        train_px: Shorter sides that training draws from, before it crops.
        window_px: Height and width of the crop.
        test_px: The shorter side in evaluation.
        flip_share: Share of images that training mirrors left to right.
        jitter_share: Share of images whose colours change, for each of the four changes.
        jitter: Strength of brightness, contrast, saturation and hue.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    train_px: tuple[Px, ...]
    window_px: tuple[Px, Px]
    test_px: Px
    flip_share: Share = 0.5
    jitter_share: Share = 0.0
    jitter: tuple[Share, Share, Share, Share] = (0.125, 0.5, 0.5, 0.1)

    @model_validator(mode="after")
    def _check(self) -> CropTable:
        if not self.train_px:
            raise ValueError("train_px must hold a size, got none")
        return self


class PixelsTable(Table):
    """DeepLabV3 or FCN: a head on a backbone's coarse map, whose strides give way to dilation.

    Attributes:
        name: DeepLabV3's pyramid of dilated convolutions, or two of them one after the other.
        stride: Of the map; a ResNet's stages beyond it are dilated, of others the map is taken.
        multigrid: Factors of the dilation of a ResNet's last blocks.
        rates: Dilations of DeepLabV3's pyramid; an FCN's two convolutions have the first.
        width: Channels of the head.
        batchnorm: As of ``RcnnTable``.
        hard_share: Share of pixels, those of the highest loss, that are learned from; 1 for all.
        precise_batchnorm_steps: As of ``RcnnTable``.
    """

    name: Literal["deeplabv3", "fcn"]
    stride: Literal[8, 16, 32] = 16
    multigrid: tuple[Count, ...] = (1, 2, 4)
    rates: Annotated[tuple[Count, ...], Field(min_length=1)] = (6, 12, 18)
    width: Annotated[int, Field(ge=8, le=1024)] = 256
    batchnorm: BatchNorm = "train"
    hard_share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    precise_batchnorm_steps: Annotated[int, Field(ge=0)] = 0


class DetectionTransfer(Table):
    """A recipe of transfer to boxes or to instances' masks.

    Attributes:
        task: ``"detect"``.
        kind: ``"transfer"``: tells it from a recipe of a detector for devices.
        name: Its name.
        source: The folder of the catalogue that it lies in.
        backbone: The network that it reads maps of.
        image: How images are fed.
        detector: What it adds.
        train: How it is trained.
    """

    task: Literal["detect"]
    kind: Literal["transfer"]
    name: str
    source: str = ""
    backbone: BackboneTable
    image: MultiScaleTable
    detector: RcnnTable
    train: TransferTrainTable


class SegmentationTransfer(Table):
    """A recipe of transfer to a class for each pixel.

    Attributes:
        task: ``"segment"``.
        kind: ``"transfer"``: tells it from a recipe of a segmenter for devices.
        name: Its name.
        source: The folder of the catalogue that it lies in.
        backbone: The network that it reads a map of.
        image: How images are fed.
        segmenter: What it adds.
        train: How it is trained.
    """

    task: Literal["segment"]
    kind: Literal["transfer"]
    name: str
    source: str = ""
    backbone: BackboneTable
    image: CropTable
    segmenter: PixelsTable
    train: TransferTrainTable

    @model_validator(mode="after")
    def _check(self) -> SegmentationTransfer:
        if self.segmenter.name == "deeplabv3" and self.train.batch_size == 1:
            raise ValueError(
                "train.batch_size must be at least 2 for deeplabv3, whose BN sees one value of an "
                "image, got 1"
            )
        return self
