"""What the ``ckpt.pt`` of a detector holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.dense.detection.found import Found, Suppression, suppress
from edgessl.dense.detection.network import Decoded, Network, build_detector
from edgessl.dense.detection.suppressed_graph import FULL, found_of
from edgessl.dense.kept import Kept, kept_payload, read_kept
from edgessl.dense.square import Square
from edgessl.recipe.dense_table import DenseImageTable
from edgessl.recipe.detector_table import DetectorHead, HeadTable

KIND = "detector"


class _Kept(Kept):
    image: DenseImageTable
    detector: DetectorHead


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
    return kept_payload(
        KIND, detector, detector.backbone, classes=classes,
        tables={"image": image, "detector": detector.table}, provenance=provenance,
    )  # fmt: skip


def detector_from(payload: dict[str, Any], where: str) -> Detector:
    """Rebuild a detector from a checkpoint payload, with no key missing.

    Args:
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.

    Raises:
        UserError: The checkpoint is of another kind, says what cannot be, or a weight of it is
            not finite.
    """
    kept = read_kept(_Kept, KIND, payload, where, "a detector", "a detector's")
    network = build_detector(
        kept.new_backbone(), len(kept.classes), kept.detector, kept.image.input_px
    )
    checkpoint.fill(network, payload.get("weights"), where, f"{kept.backbone} detector")
    return Detector(
        Decoded(network).eval(), kept.classes, Square.of(kept.image), rule_of(kept.detector),
        kept.provenance,
    )
