"""What files of edgessl may say about themselves, checked as recipes are."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from edgessl.names import trouble_with
from edgessl.schema import Table, validate

Side = Annotated[int, Field(ge=1, le=65_536)]
Three = tuple[float, float, float]


def _printable(name: str) -> str:
    if trouble := trouble_with(name):
        raise ValueError(f"{trouble}, got {name!a}")
    return name


ClassName = Annotated[str, AfterValidator(_printable)]
"""It stands one a line in ``labels.txt``, and on terminals."""
Positive = Annotated[float, Field(gt=0)]


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if not pair[0] < pair[1]:
        raise ValueError(f"must rise, got {pair[0]:g} to {pair[1]:g}")
    return pair


Rising = Annotated[tuple[float, float], AfterValidator(_rising)]


class ValueRangeTable(Table):
    """What is black and white, by the kind of number that a file stores.

    Attributes:
        integers: Of 16 and more bits a channel.
        floats: Real numbers.
    """

    integers: Rising | None = None
    floats: Rising | None = None


class PreprocessTable(Table):
    """The evaluation transform, complete.

    Attributes:
        resize_px: Short side after the resize.
        crop_px: Side of the crop.
        interpolation: Kernel of the resize.
        mean: Of each channel.
        std: Of each channel.
        value_range: Stored values that are black and white in files of more than 8 bits a channel.
    """

    resize_px: Side
    crop_px: Side
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    mean: Three
    std: tuple[Positive, Positive, Positive]
    value_range: ValueRangeTable | None = None


class MetadataTable(Table):
    """The metadata of an exported file, without its schema version.

    Attributes:
        head: What comes out.
        classes: Class names.
        preprocess: ``PreprocessTable``, which is asked for where it is needed.
        input_px: Side of the images.
        provenance: Where it comes from.
        gates: Outcome of each.
        precision: Number format of the weights.
        takes: What goes in.
        thresholds: From which probability on each class is shown, where there may be several.
        temperature: What logits were divided by.
        reject_below: Probability below which there is no answer.
        prototypes: What its class vectors are; checked where they are used.
    """

    head: Literal[
        "logits", "probs", "features", "prototypes", "predictions", "detections", "pixels",
        "pixel_logits",
    ]
    classes: tuple[ClassName, ...]
    preprocess: dict[str, Any]
    input_px: Side
    provenance: dict[str, Any]
    gates: tuple[dict[str, Any], ...]
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    takes: Literal["normalised", "pixels"] = "normalised"
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    reject_below: Annotated[float, Field(gt=0, le=1)] | None = None
    prototypes: dict[str, Any] | None = None


def refuse_metadata(values: Any) -> None:
    """Refuse what is no metadata.

    Args:
        values: As read from JSON.

    Raises:
        ValueError: A value is missing or of another kind.
    """
    try:
        table = MetadataTable.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if table.thresholds and len(table.thresholds) != len(table.classes):
        raise ValueError(f"thresholds: must be as many as the {len(table.classes)} classes")


def refuse_preprocess(values: Any, where: str) -> None:
    """Refuse what is no complete evaluation transform.

    Args:
        values: As read from JSON or a checkpoint.
        where: The file's name, for the message.

    Raises:
        UserError: One line for each mistake.
    """
    validate(PreprocessTable, values, f"{where}, preprocess")
