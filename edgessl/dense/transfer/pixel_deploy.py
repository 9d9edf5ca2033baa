"""What the ``ckpt.pt`` of a paper's segmenter holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgessl import checkpoint
from edgessl.dense.kept import Kept, kept_payload, read_kept
from edgessl.dense.transfer.dilated import PixelNetwork
from edgessl.recipe.transfer_table import CropTable, PixelsTable

KIND = "dilated_segmenter"


class _Kept(Kept):
    image: CropTable
    segmenter: PixelsTable


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
    return kept_payload(
        KIND, module, module.body, classes=classes,
        tables={"image": image, "segmenter": module.table}, provenance=provenance,
    )  # fmt: skip


def pixel_segmenter_from(payload: dict[str, Any], where: str) -> PixelSegmenter:
    """Rebuild a segmenter from a checkpoint payload, with no key missing.

    Args:
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.

    Raises:
        UserError: The checkpoint is of another kind, says what cannot be, or a weight of it is
            not finite.
    """
    kept = read_kept(_Kept, KIND, payload, where, "a DeepLabV3 or an FCN", "a transfer's")
    module = PixelNetwork(kept.new_backbone(), len(kept.classes), kept.segmenter)
    checkpoint.fill(module, payload.get("weights"), where, f"segmenter on {kept.backbone}")
    return PixelSegmenter(module.eval(), kept.classes, kept.image, kept.provenance)
