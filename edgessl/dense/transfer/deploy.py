"""What the ``ckpt.pt`` of a region detector holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from edgessl import checkpoint
from edgessl.artifact.tables import ClassName
from edgessl.backbones import Backbone
from edgessl.dense.transfer.rcnn import build_rcnn
from edgessl.errors import UserError
from edgessl.recipe.transfer_table import MultiScaleTable, RcnnTable
from edgessl.schema import Table, validate

KIND = "region_detector"


class _About(Table):
    backbone: str
    image_px: Annotated[int, Field(ge=1, le=8192)]
    batchnorm_eps: Annotated[float, Field(gt=0)] | None = None
    classes: Annotated[tuple[ClassName, ...], Field(min_length=1)]
    image: MultiScaleTable
    detector: RcnnTable
    provenance: dict[str, Any]
    kind: Literal["region_detector"]


@dataclass(frozen=True)
class RegionDetector:
    """A finished detector.

    Attributes:
        module: In evaluation mode.
        classes: Class names in label order.
        image: How images are fed.
        table: What it is like.
        backbone: Name of its backbone.
        provenance: Recipe, data, seed and version, as plain values.
    """

    module: GeneralizedRCNN
    classes: tuple[str, ...]
    image: MultiScaleTable
    table: RcnnTable
    backbone: str
    provenance: dict[str, Any]


def payload_of(
    module: GeneralizedRCNN,
    *,
    classes: tuple[str, ...],
    image: MultiScaleTable,
    table: RcnnTable,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Return the checkpoint payload of a detector, to be written with ``checkpoint.save``."""
    backbone: Backbone = module.backbone.body
    return {
        "kind": KIND, "backbone": backbone.name, "image_px": backbone.image_px,
        "batchnorm_eps": backbone.batchnorm_eps, "classes": list(classes),
        "image": image.model_dump(mode="json"), "detector": table.model_dump(mode="json"),
        "provenance": provenance,
        "weights": {key: value.detach().cpu() for key, value in module.state_dict().items()},
    }  # fmt: skip


def region_detector_from(payload: dict[str, Any], where: str) -> RegionDetector:
    """Rebuild a detector from a checkpoint payload, with no key missing.

    Args:
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.

    Raises:
        UserError: The checkpoint is of another kind, says what cannot be, or a weight of it is
            not finite.
    """
    if payload.get("kind") != KIND:
        raise UserError(
            f"{where}: must hold a Faster or Mask R-CNN, got a '{payload.get('kind')}' checkpoint; "
            "pass the ckpt.pt of a transfer's run folder"
        )
    given = {key: payload[key] for key in _About.model_fields if key in payload}
    about = validate(_About, given, where)
    backbone = Backbone(about.backbone, "keep", about.image_px, batchnorm_eps=about.batchnorm_eps)
    module = build_rcnn(backbone, len(about.classes), about.detector, about.image)
    checkpoint.fill(module, payload.get("weights"), where, f"detector on {about.backbone}")
    return RegionDetector(
        module.eval(), about.classes, about.image, about.detector, about.backbone,
        about.provenance,
    )  # fmt: skip
