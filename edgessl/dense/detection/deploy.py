"""What the ``ckpt.pt`` of a detector holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edgessl import checkpoint
from edgessl.artifact.tables import ClassName
from edgessl.backbones import Backbone
from edgessl.dense.detection.found import Found, Suppression, suppress
from edgessl.dense.detection.network import Decoded, Network, build_detector
from edgessl.dense.detection.suppressed_graph import FULL, found_of
from edgessl.dense.square import Square
from edgessl.errors import UserError
from edgessl.recipe.dense_table import DenseImageTable
from edgessl.recipe.detector_table import DetectorHead, HeadTable
from edgessl.schema import Table, validate

KIND = "detector"


class _About(Table):
    """A detector without its weights."""

    backbone: str
    image_px: Annotated[int, Field(ge=1, le=8192)]
    batchnorm_eps: Annotated[float, Field(gt=0)] | None = None
    classes: Annotated[tuple[ClassName, ...], Field(min_length=1)]
    image: DenseImageTable
    detector: DetectorHead
    provenance: dict[str, Any]
    kind: Literal["detector"]


@dataclass(frozen=True)
class Detector:
    """A finished detector.

    Attributes:
        module: Images to boxes and scores, ``(B, 3, S, S)`` to ``(B, A, 4 + K)``; in eval mode.
        classes: Class names in label order.
        square: The evaluation transform.
        rule: Which boxes are told.
        provenance: Recipe, data, seed and version, as plain values.
    """

    module: Decoded
    classes: tuple[str, ...]
    square: Square
    rule: Suppression
    provenance: dict[str, Any]

    @property
    def backbone(self) -> Backbone:
        """The network that maps are read of."""
        return self.module.detector.backbone

    def read(self, head: str, output: NDArray[np.float32], images: int) -> list[Found]:
        """Turn the output of a file with a head into what is told of each image."""
        return found_of(output, images) if head == FULL else suppress(output, self.rule)

    def facts(self) -> dict[str, Any]:
        """Return how many boxes it chooses from."""
        return {"default_boxes": self.module.detector.places}


def is_detector_payload(payload: dict[str, Any]) -> bool:
    """Tell whether a checkpoint holds a detector."""
    return payload.get("kind") == KIND


def rule_of(table: HeadTable) -> Suppression:
    """Return which boxes a detector tells."""
    return Suppression(table.nms_iou, table.min_score, table.max_boxes)


def detector_payload(
    detector: Network,
    *,
    classes: tuple[str, ...],
    image: DenseImageTable,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Return the checkpoint payload of a detector, to be written with ``checkpoint.save``."""
    backbone = detector.backbone
    return {
        "kind": KIND,
        "backbone": backbone.name,
        "image_px": backbone.image_px,
        "batchnorm_eps": backbone.batchnorm_eps,
        "classes": list(classes),
        "image": image.model_dump(mode="json"),
        "detector": detector.table.model_dump(mode="json"),
        "provenance": provenance,
        "weights": checkpoint.weights_of(detector),
    }


def detector_from(payload: dict[str, Any], where: str) -> Detector:
    """Rebuild a detector from a checkpoint payload, with no key missing.

    Args:
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.

    Raises:
        UserError: The checkpoint is of another kind, says what cannot be, or a weight of it is
            not finite.
    """
    if not is_detector_payload(payload):
        raise UserError(
            f"{where}: must hold a detector, got a '{payload.get('kind')}' checkpoint; pass the "
            "ckpt.pt of a detector's run folder"
        )
    given = {key: payload[key] for key in _About.model_fields if key in payload}
    about = validate(_About, given, where)
    backbone = Backbone(about.backbone, "keep", about.image_px, batchnorm_eps=about.batchnorm_eps)
    network = build_detector(backbone, len(about.classes), about.detector, about.image.input_px)
    checkpoint.fill(network, payload.get("weights"), where, f"{about.backbone} detector")
    return Detector(
        Decoded(network).eval(), about.classes, Square.of(about.image), rule_of(about.detector),
        about.provenance,
    )
