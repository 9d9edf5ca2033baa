"""What a checkpoint says about the network in it, checked as recipes are."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor

from edgessl.artifact.tables import ClassName, PreprocessTable
from edgessl.errors import UserError
from edgessl.recipe.backbones import Readout
from edgessl.recipe.method_tables.table import HiddenTable
from edgessl.schema import Table, validate

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class CalibrationTable(Table):
    """What logits are divided by, and how that was found.

    Attributes:
        temperature: The divisor.
        images: Images of ``val`` it was fitted on.
        kept: Why it is 1 without a fit.
        nll_before: Mean negative log-likelihood on them at temperature 1, in nats.
        nll: The same at this temperature.
    """

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    images: Annotated[int, Field(ge=0)]
    kept: str = ""
    nll_before: float | None = None
    nll: float | None = None


class DeployTable(Table):
    """A finished network, without its weights.

    Attributes:
        head: What comes out.
        reads: What the classifier reads of the backbone.
        hidden: Layers between; None for none.
        backbone: Its name.
        last_stage: Whether it has its last stage.
        image_px: Side of the images that it is for.
        batchnorm_eps: What BN adds to variances; None: as timm has it.
        classes: Class names.
        preprocess: The evaluation transform.
        provenance: Where it comes from.
        thresholds: From which probability on a class is shown, where there may be several.
        calibration: How its temperature was fitted.
    """

    head: Literal["logits", "features"]
    reads: Readout = "features"
    hidden: HiddenTable | None = None
    backbone: str
    last_stage: Literal["keep", "remove"]
    image_px: Annotated[int, Field(ge=1, le=8192)]
    batchnorm_eps: Annotated[float, Field(gt=0)] | None = None
    classes: tuple[ClassName, ...]
    preprocess: PreprocessTable
    provenance: dict[str, Any]
    thresholds: tuple[Share, ...] | None = None
    calibration: CalibrationTable | None = None


def refuse_wrong_payload(payload: dict[str, Any], where: str) -> None:
    """Refuse a payload with a value that is missing or of another kind.

    Args:
        payload: Of a checkpoint; keys that are not about the network are left alone.
        where: The file's name, for the message.

    Raises:
        UserError: One line for each mistake.
    """
    about = {key: payload[key] for key in DeployTable.model_fields if key in payload}
    try:
        json.dumps(about)
    except (TypeError, ValueError, RecursionError) as error:  # tensors, bytes, a circle
        raise UserError(
            f"{where}: must say what it holds in plain values, got others ({error}); "
            "pass a file that a run of edgessl wrote"
        ) from error
    table = validate(DeployTable, about, where)
    if table.head == "logits" and not table.classes:
        raise UserError(f"{where}: must name the classes of its classifier, got none")
    if table.thresholds and len(table.thresholds) != len(table.classes):
        raise UserError(
            f"{where}: must have a threshold for each of its {len(table.classes)} classes, got "
            f"{len(table.thresholds)}; pass a file that a run of edgessl wrote"
        )
    refuse_no_tensors(payload.get("weights"), where)


def refuse_no_tensors(weights: object, where: str) -> None:
    """Refuse what is no table of tensors.

    Args:
        weights: Tensors by name, if it is right.
        where: The file's name, for the message.

    Raises:
        UserError: It is something else.
    """
    if not isinstance(weights, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()
    ):
        raise UserError(
            f"{where}: must hold its weights as tensors by name, got something else; "
            "pass a file that a run of edgessl wrote"
        )
