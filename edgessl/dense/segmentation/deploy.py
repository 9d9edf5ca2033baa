"""What the ``ckpt.pt`` of a segmenter holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from edgessl import checkpoint
from edgessl.artifact.tables import ClassName
from edgessl.backbones import Backbone
from edgessl.dense.segmentation.network import LrAspp
from edgessl.dense.square import Square
from edgessl.errors import UserError
from edgessl.recipe.detector_table import DetectorImageTable
from edgessl.recipe.segmenter_table import LrAsppTable
from edgessl.schema import Table, validate

KIND = "segmenter"


class _About(Table):
    """A segmenter without its weights."""

    kind: Literal["segmenter"]
    backbone: str
    batchnorm_eps: Annotated[float, Field(gt=0)] | None = None
    classes: Annotated[tuple[ClassName, ...], Field(min_length=2)]
    image: DetectorImageTable
    segmenter: LrAsppTable
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Segmenter:
    """A finished segmenter.

    Attributes:
        module: Images ``(B, 3, S, S)`` to logits ``(B, K, S, S)``; in eval mode.
        classes: Class names in the order of the logits.
        square: The evaluation transform.
        provenance: Recipe, data, seed and version, as plain values.
    """

    module: LrAspp
    classes: tuple[str, ...]
    square: Square
    provenance: dict[str, Any]


def is_segmenter_file(path: Path) -> bool:
    """Tell whether a file is the checkpoint of a segmenter; one that cannot be read is none."""
    if path.suffix != ".pt" or not path.is_file():
        return False
    try:
        return checkpoint.load(path).get("kind") == KIND
    except UserError:
        return False


def segmenter_payload(
    segmenter: LrAspp, *, classes: tuple[str, ...], image: DetectorImageTable,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Return the checkpoint payload of a segmenter, to be written with ``checkpoint.save``."""
    return {
        "kind": KIND, "backbone": segmenter.backbone.name,
        "batchnorm_eps": segmenter.backbone.batchnorm_eps, "classes": list(classes),
        "image": image.model_dump(mode="json"),
        "segmenter": segmenter.table.model_dump(mode="json"), "provenance": provenance,
        "weights": {
            key: value.detach().to("cpu", torch.float32 if value.is_floating_point() else None)
            for key, value in segmenter.state_dict().items()
        },
    }  # fmt: skip


def segmenter_from(payload: dict[str, Any], where: str) -> Segmenter:
    """Rebuild a segmenter from a checkpoint payload, with no key missing.

    Args:
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.

    Raises:
        UserError: The checkpoint is of another kind, says what cannot be, or a weight of it is
            not finite.
    """
    given = {key: payload[key] for key in _About.model_fields if key in payload}
    about = validate(_About, given, where)
    side = about.image.input_px
    backbone = Backbone(about.backbone, "keep", side, batchnorm_eps=about.batchnorm_eps)
    network = LrAspp(backbone, len(about.classes), about.segmenter, side)
    try:
        network.load_state_dict(payload.get("weights") or {}, strict=True)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise UserError(
            f"{where}: must hold every tensor of its {about.backbone} segmenter, got others; pass "
            "a file that a run of edgessl wrote"
        ) from error
    if key := checkpoint.not_finite(network.state_dict()):
        raise UserError(
            f"{where}: must hold finite weights, got others in {key}; pass a checkpoint of a run "
            "that did not diverge"
        )
    image = about.image
    square = Square(side, image.interpolation, image.mean, image.std)
    return Segmenter(network.eval(), about.classes, square, about.provenance)
