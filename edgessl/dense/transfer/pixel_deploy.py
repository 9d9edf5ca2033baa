"""What the ``ckpt.pt`` of a paper's segmenter holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from edgessl import checkpoint
from edgessl.artifact.tables import ClassName
from edgessl.backbones import Backbone
from edgessl.dense.transfer.dilated import PixelNetwork
from edgessl.errors import UserError
from edgessl.recipe.transfer_table import CropTable, PixelsTable
from edgessl.schema import Table, validate

KIND = "dilated_segmenter"


class _About(Table):
    backbone: str
    image_px: Annotated[int, Field(ge=1, le=8192)]
    batchnorm_eps: Annotated[float, Field(gt=0)] | None = None
    classes: Annotated[tuple[ClassName, ...], Field(min_length=1)]
    image: CropTable
    segmenter: PixelsTable
    provenance: dict[str, Any]
    kind: Literal["dilated_segmenter"]


@dataclass(frozen=True)
class PixelSegmenter:
    """A finished segmenter.

    Attributes:
        module: In evaluation mode.
        classes: Class names in label order.
        image: How images are fed.
        provenance: Recipe, data, seed and version, as plain values.
    """

    module: PixelNetwork
    classes: tuple[str, ...]
    image: CropTable
    provenance: dict[str, Any]

    @property
    def backbone(self) -> str:
        """Name of its backbone."""
        return self.module.body.name


def pixel_payload(
    module: PixelNetwork,
    *,
    classes: tuple[str, ...],
    image: CropTable,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Return the checkpoint payload of a segmenter, to be written with ``checkpoint.save``."""
    backbone = module.body
    return {
        "kind": KIND, "backbone": backbone.name, "image_px": backbone.image_px,
        "batchnorm_eps": backbone.batchnorm_eps, "classes": list(classes),
        "image": image.model_dump(mode="json"), "segmenter": module.table.model_dump(mode="json"),
        "provenance": provenance,
        "weights": {key: value.detach().cpu() for key, value in module.state_dict().items()},
    }  # fmt: skip


def pixel_segmenter_from(payload: dict[str, Any], where: str) -> PixelSegmenter:
    """Rebuild a segmenter from a checkpoint payload, with no key missing.

    Args:
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.

    Raises:
        UserError: The checkpoint is of another kind, says what cannot be, or a weight of it is
            not finite.
    """
    if payload.get("kind") != KIND:
        raise UserError(
            f"{where}: must hold a DeepLabV3 or an FCN, got a '{payload.get('kind')}' checkpoint; "
            "pass the ckpt.pt of a transfer's run folder"
        )
    given = {key: payload[key] for key in _About.model_fields if key in payload}
    about = validate(_About, given, where)
    backbone = Backbone(about.backbone, "keep", about.image_px, batchnorm_eps=about.batchnorm_eps)
    module = PixelNetwork(backbone, len(about.classes), about.segmenter)
    checkpoint.fill(module, payload.get("weights"), where, f"segmenter on {about.backbone}")
    return PixelSegmenter(module.eval(), about.classes, about.image, about.provenance)
