"""What the ``ckpt.pt`` of a region detector holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from edgessl import checkpoint
from edgessl.dense.kept import Kept, kept_payload, read_kept
from edgessl.dense.transfer.rcnn import build_rcnn
from edgessl.recipe.transfer_table import MultiScaleTable, RcnnTable

KIND = "region_detector"


class _Kept(Kept):
    image: MultiScaleTable
    detector: RcnnTable


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
    return kept_payload(
        KIND, module, module.backbone.body, classes=classes,
        tables={"image": image, "detector": table}, provenance=provenance,
    )  # fmt: skip


def region_detector_from(payload: dict[str, Any], where: str) -> RegionDetector:
    """Rebuild a detector from a checkpoint payload, with no key missing.

    Args:
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.

    Raises:
        UserError: The checkpoint is of another kind, says what cannot be, or a weight of it is
            not finite.
    """
    kept = read_kept(_Kept, KIND, payload, where, "a Faster or Mask R-CNN", "a transfer's")
    module = build_rcnn(kept.new_backbone(), len(kept.classes), kept.detector, kept.image)
    checkpoint.fill(module, payload.get("weights"), where, f"detector on {kept.backbone}")
    return RegionDetector(
        module.eval(), kept.classes, kept.image, kept.detector, kept.backbone,
        kept.provenance,
    )  # fmt: skip
