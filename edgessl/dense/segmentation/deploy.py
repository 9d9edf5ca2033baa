"""What the ``ckpt.pt`` of a segmenter holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edgessl import checkpoint
from edgessl.artifact.tables import ClassName
from edgessl.dense.kept import Kept, kept_payload, read_kept
from edgessl.dense.segmentation.network import LrAspp
from edgessl.dense.square import Square
from edgessl.recipe.dense_table import DenseImageTable
from edgessl.recipe.segmenter_table import LrAsppTable

KIND = "segmenter"


class _Kept(Kept):
    classes: Annotated[tuple[ClassName, ...], Field(min_length=2)]
    image: DenseImageTable
    segmenter: LrAsppTable


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

    def read(self, head: str, output: NDArray[np.float32], images: int) -> list[Any]:
        """Turn the output of a file into logits ``(K, S, S)`` of each image."""
        return list(output)

    def facts(self) -> dict[str, Any]:
        """Return nothing: size and cost say it all."""
        return {}


def segmenter_payload(
    segmenter: LrAspp, *, classes: tuple[str, ...], image: DenseImageTable,
    provenance: dict[str, Any],
) -> dict[str, Any]:
    """Return the checkpoint payload of a segmenter, to be written with ``checkpoint.save``."""
    return kept_payload(
        KIND, segmenter, segmenter.backbone, classes=classes,
        tables={"image": image, "segmenter": segmenter.table}, provenance=provenance,
    )  # fmt: skip


def segmenter_from(payload: dict[str, Any], where: str) -> Segmenter:
    """Rebuild a segmenter from a checkpoint payload, with no key missing.

    Args:
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.

    Raises:
        UserError: The checkpoint is of another kind, says what cannot be, or a weight of it is
            not finite.
    """
    image = payload.get("image")
    side = image.get("input_px") if isinstance(image, dict) else None  # older ones have it there
    kept = read_kept(
        _Kept, KIND, {"image_px": side, **payload}, where, "a segmenter", "a segmenter's"
    )
    network = LrAspp(
        kept.new_backbone(), len(kept.classes), kept.segmenter, kept.image.input_px
    )
    checkpoint.fill(network, payload.get("weights"), where, f"{kept.backbone} segmenter")
    return Segmenter(
        network.eval(), kept.classes, Square.of(kept.image), kept.provenance
    )
