"""A recipe: one backbone, one method of pretraining, and everything they are trained with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from edgessl.errors import nearest
from edgessl.recipe.backbones import BACKBONES, TIMM
from edgessl.recipe.duration import (
    durations,
    too_long_for,
)
from edgessl.recipe.evaluate_table import EvaluateTable
from edgessl.recipe.finetune_table import FinetuneTable, rate_mistakes, semi_mistakes
from edgessl.recipe.method_tables import AnyMethodTable
from edgessl.recipe.optim_tables import Optim, Sgd
from edgessl.recipe.pretrain_table import (
    PretrainStage,
    PretrainTable,
    resolve_stages,
    stage_mistakes,
)
from edgessl.recipe.view_tables import Interpolation, ViewGroup
from edgessl.schema import Mistakes, Table

PixelCount = Annotated[int, Field(ge=8, le=8192)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]


class BackboneTable(Table):
    """The network.

    Attributes:
        name: A name that ``edgessl list backbones`` shows, or ``timm:NAME``.
        last_stage: ``"remove"`` pretrains without the last stage ("conv5") and grows it back for
            fine-tuning; ``"drop"`` pretrains with it, throws its weights away before fine-tuning,
            and grows it back in the same way.
        drop_path: Stochastic depth of the last block in pretraining, growing linearly over the
            blocks. DINO's teacher has none, the key encoder of MoCo the same.
        dropout: Of the features in pretraining; in a DeiT after every layer instead.
        first_weights: How random weights are drawn: as timm does, or convolutions with a spread
            by fan-out, as SSLight's MobileNetV2 and ssl-small's MobileNetV3; not for transformers.
        batchnorm_eps: What BN adds to variances, in the finished network too; left out: as timm.
        batchnorm_momentum: Share of a batch in BN's running statistics; left out: as timm.
    """

    name: str
    last_stage: Literal["keep", "remove", "drop"] = "keep"
    drop_path: Share = 0.0
    dropout: Share = 0.0
    first_weights: Literal["timm", "fan_out"] = "timm"
    batchnorm_eps: Positive | None = None
    batchnorm_momentum: Annotated[float, Field(gt=0.0, le=1.0)] | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name not in BACKBONES and not name.startswith(TIMM):
            raise ValueError(
                f"must be one of {', '.join(BACKBONES)} or {TIMM}NAME, got '{name}'"
                f"{nearest(name, BACKBONES)}"
            )
        return name

    @model_validator(mode="after")
    def _check(self) -> BackboneTable:
        facts = BACKBONES.get(self.name)
        if facts is not None and not facts.removable and self.last_stage != "keep":
            raise ValueError(
                f"last_stage must be 'keep' for {self.name}, which has no stage to remove, got "
                f"'{self.last_stage}'"
            )
        if facts is not None and not facts.removable and self.first_weights != "timm":
            raise ValueError(
                f"first_weights must be 'timm' for {self.name}, a transformer, whose only "
                f"convolution cuts patches, got '{self.first_weights}'"
            )
        return self

    @property
    def pretrained_last_stage(self) -> Literal["keep", "remove"]:
        """What pretraining does with the last stage: ``"drop"`` keeps it until then."""
        return "remove" if self.last_stage == "remove" else "keep"


class ImageTable(Table):
    """How images are normalised and how they are evaluated.

    Attributes:
        mean: Per-channel mean on the [0, 1] scale.
        std: Per-channel standard deviation.
        resize_px: Short side after the evaluation resize.
        crop_px: Central crop that the finished network sees.
        scaled_px: What a run makes of ``crop_px``, with all other sides of images in proportion, as
            ``--size`` does; left out: they stay. For a variant with a ``when``.
        interpolation: Kernel of the evaluation resize.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    resize_px: PixelCount
    crop_px: PixelCount
    scaled_px: PixelCount | None = None
    interpolation: Interpolation = "bicubic"

    @model_validator(mode="after")
    def _check(self) -> ImageTable:
        if self.crop_px > self.resize_px:
            raise ValueError(
                f"crop_px must be at most resize_px ({self.resize_px}), got {self.crop_px}"
            )
        return self


class EngineTable(Table):
    """How training computes, where the fastest on this machine is not wanted.

    Attributes:
        precision: Of matrix products and convolutions.
        memory_format: Layout of images and convolutions.
    """

    precision: Literal["fp32", "bf16", "fp16"] | None = None
    memory_format: Literal["channels_last", "contiguous"] | None = None


CorruptionName = Literal["resize", "downsample_2", "downsample_4", "jpeg", "salt_and_pepper"]
CorruptionResize = Literal["nearest", "bicubic"]


class DataTable(Table):
    """How a set is split where it does not say, and how much of it is seen.

    Attributes:
        val_percent: Share of the training images of each class held out for every choice.
        val_group: Hold ``val`` out by whole groups: ``parent`` for the images of one folder, or a
            column of the CSV manifest. Left out: image by image.
        max_images: Images that pretraining sees, drawn uniformly by the run's seed; smaller draws
            are part of larger ones. Left out: all. Fine-tuning has all labelled ones.
        max_classes: Classes that pretraining sees images of, all of them, drawn uniformly by the
            run's seed; smaller draws are part of larger ones. Images without label are left out.
        labels: The column of ``hierarchy.csv`` with the labels that supervised pretraining learns
            in place of the classes. Fine-tuning and scores keep the classes.
        hierarchy: That file, where it does not lie with the labelled images: CSV with the columns
            ``class`` and others of one's own; or WordNet's is-a relations, as ImageNet's
            ``wordnet.is_a.txt``, with the levels ``2`` (artifact or not), ``2-uneven``, a number of
            classes to merge down to, and ``depth-K``.
        corruption: How images are degraded for pretraining, each once and for all (Cole et al.):
            ``"resize"`` to a short side of ``corruption_px``, ``"downsample_2"`` or ``"_4"`` from
            there and up again, ``"jpeg"`` of quality 10, ``"salt_and_pepper"``. Fine-tuning and
            scores see the images as they are.
        corruption_px: Short side of the first three.
        corruption_interpolation: How those resize: ``"nearest"`` neighbours, as Cole et al. (C.5),
            or ``"bicubic"`` with antialiasing, as software does now.
    """

    val_percent: Annotated[float, Field(ge=0.0, le=50.0)] = 10.0
    val_group: Annotated[str, Field(min_length=1)] | None = None
    max_images: Annotated[int, Field(ge=2)] | None = None
    max_classes: Annotated[int, Field(ge=2)] | None = None
    labels: Annotated[str, Field(min_length=1)] | None = None
    hierarchy: Annotated[str, Field(min_length=1)] | None = None
    corruption: CorruptionName | None = None
    corruption_px: PixelCount = 256
    corruption_interpolation: CorruptionResize = "nearest"

    @model_validator(mode="after")
    def _check(self) -> DataTable:
        if self.hierarchy is not None and self.labels is None:
            raise ValueError(
                "labels must be given with hierarchy, found none; name a column of that file"
            )
        return self


class Recipe(Table):
    """One (source, backbone, method) in full.

    Attributes:
        name: The file's stem, and the variant after a colon.
        source: ``"factory"`` or the paper's short name; in the catalogue, the folder.
        views: Groups of views, the global one first.
    """

    name: str
    source: str
    backbone: BackboneTable
    method: AnyMethodTable
    image: ImageTable
    data: DataTable = DataTable()
    views: Annotated[tuple[ViewGroup, ...], Field(min_length=1)]
    optim: Optim
    pretrain: PretrainTable
    finetune: FinetuneTable
    evaluate: EvaluateTable = EvaluateTable()
    engine: EngineTable = EngineTable()

    @field_validator("source")
    @classmethod
    def _check_source(cls, source: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", source):
            raise ValueError(
                f"must be a short name of letters, digits, '-', '_' and '.', got '{source}'"
            )
        return source

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        mistakes = [*dict.fromkeys(self._mistakes())]
        in_stages = [*stage_mistakes(self.pretrain.stages, self.pretrain.epochs, self.views)]
        if not in_stages:
            # What stages share is said once.
            stages = resolve_stages(self.pretrain, self.views, self.optim)
            each = [line for stage in stages for line in self._stage_mistakes(stage)]
            mistakes += dict.fromkeys(each)
        if mistakes or in_stages:
            raise Mistakes([*mistakes, *in_stages])
        return self

    def _mistakes(self) -> Iterator[str]:
        """Say what is wrong between the tables, apart from the stages of pretraining."""
        if self.views[0].count < self.method.fewest_views():
            yield (
                f"views.0.count must be at least 2: {self.method.name} compares views of the "
                "first group, got 1"
            )
        if self.data.labels is not None and not self.method.learns_labels():
            yield (
                f"data.labels must be left out, because {self.method.name} learns without labels, "
                f"got '{self.data.labels}'"
            )
        if self.method.keeps_batchnorm() and self.pretrain.recalibrate_batchnorm:
            yield (
                "pretrain.recalibrate_batchnorm must be false with method.freeze_batchnorm = true, "
                "which keeps the BN statistics of the start, got true"
            )
        finetune = self.finetune
        if self.backbone.last_stage != "keep" and finetune.regrow is None:
            yield (
                "finetune.regrow must be given, because backbone.last_stage = "
                f"'{self.backbone.last_stage}' needs a warm-up of the stage that grows back"
            )
        if self.backbone.last_stage != "keep" and finetune.trains == "classifier":
            yield (
                "finetune.trains must be 'network', because backbone.last_stage = "
                f"'{self.backbone.last_stage}' leaves a stage to be trained, got 'classifier'"
            )
        facts = BACKBONES.get(self.backbone.name)
        if finetune.reads == "last_4_blocks" and facts is not None and facts.removable:
            yield (
                "finetune.reads must be 'features' or 'normalised_features' for "
                f"{self.backbone.name}, which is no transformer, got 'last_4_blocks'"
            )
        yield from _head_mistakes(self)
        yield from rate_mistakes(finetune)
        yield from semi_mistakes(finetune)
        yield from too_long_for(
            finetune, "head_warmup", finetune.epochs, "finetune", "finetune.epochs"
        )
        yield from _accumulate_mistakes(
            finetune.batch_size, finetune.accumulate, "finetune.accumulate"
        )
        yield from _group_mistakes(
            finetune.batch_size, finetune.accumulate, finetune.batchnorm_groups,
            "finetune.batchnorm_groups",
        )  # fmt: skip
        yield from too_long_for(
            finetune.optim, "warmup", finetune.epochs, "finetune.optim", "finetune.epochs"
        )
        if finetune.regrow is not None:
            optim, epochs = finetune.regrow.optim, finetune.regrow.epochs
            place = "finetune.regrow.optim"
            yield from too_long_for(optim, "warmup", epochs, place, "finetune.regrow.epochs")
        for images in self.pretrain.micro_batches():
            yield from self.method.mistakes(self.views, images)

    def _stage_mistakes(self, stage: PretrainStage) -> Iterator[str]:
        """Say what of the recipe does not fit a stage of pretraining."""
        table, method = self.pretrain, self.method
        yield from _accumulate_mistakes(
            stage.batch_size, table.accumulate, "pretrain.accumulate"
        )
        groups = [(table.batchnorm_groups, "pretrain.batchnorm_groups")]
        groups += [(count, f"method.{key}") for key, count in method.batch_parts().items()]
        for count, place in groups:
            yield from _group_mistakes(stage.batch_size, table.accumulate, count, place)
        run = "pretrain.epochs" if not table.stages else f"the epochs of {stage.name}"
        if isinstance(stage.optim, Sgd) and stage.optim.decay_classifier_only:
            yield (
                f"{stage.optim_key}.decay_classifier_only must be false, because pretraining has "
                "no classifier, got true"
            )
        yield from too_long_for(stage.optim, "warmup", stage.epochs, stage.optim_key, run)
        for name in durations(method):
            yield from too_long_for(method, name, stage.epochs, "method", run)


def _head_mistakes(recipe: Recipe) -> Iterator[str]:
    """Say why fine-tuning cannot keep as many layers of the head as it should."""
    finetune = recipe.finetune
    count, there = finetune.head_layers, len(recipe.method.hidden_layers(1).widths)
    if not count:
        return
    if count > there:
        yield (
            f"finetune.head_layers must be at most {there}, which the head of {recipe.method.name} "
            f"has, got {count}"
        )
    needs = {
        "finetune.trains": (finetune.trains, "network", "they are trained too"),
        "finetune.reads": (finetune.reads, "features", "they were pretrained on those"),
        "backbone.last_stage": (recipe.backbone.last_stage, "keep", "they read its features"),
    }
    for key, (found, wanted, reason) in needs.items():
        if found != wanted:
            yield (
                f"{key} must be '{wanted}' with finetune.head_layers = {count}, because {reason}, "
                f"got '{found}'"
            )


def _accumulate_mistakes(batch_size: int, accumulate: int, place: str) -> Iterator[str]:
    if batch_size // accumulate < 2:
        yield (
            f"{place} must leave micro-batches of at least 2 of the {batch_size} images, got "
            f"{accumulate}"
        )


def _group_mistakes(batch_size: int, accumulate: int, groups: int, place: str) -> Iterator[str]:
    parts = accumulate * groups
    if groups > 1 and (batch_size % parts or batch_size == parts):
        yield (
            f"{place} must cut {accumulate} micro-batch(es) of together "
            f"{batch_size} images into equal groups of at least 2, got {groups}"
        )
