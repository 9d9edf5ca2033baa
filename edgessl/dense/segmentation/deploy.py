"""What the ``ckpt.pt`` of a segmenter holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edgessl import checkpoint
from edgessl.artifact.tables import ClassName
from edgessl.backbones import Backbone
from edgessl.dense.segmentation.network import LrAspp
from edgessl.dense.square import Square
from edgessl.recipe.dense_table import DenseImageTable
from edgessl.recipe.segmenter_table import LrAsppTable
from edgessl.schema import Table, validate

KIND = "segmenter"


class _About(Table):
    """A segmenter without its weights."""

    kind: Literal["segmenter"]
    backbone: str
    batchnorm_eps: Annotated[float, Field(gt=0)] | None = None
    classes: Annotated[tuple[ClassName, ...], Field(min_length=2)]
    image: DenseImageTable
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
    return {
        "kind": KIND, "backbone": segmenter.backbone.name,
        "batchnorm_eps": segmenter.backbone.batchnorm_eps, "classes": list(classes),
        "image": image.model_dump(mode="json"),
        "segmenter": segmenter.table.model_dump(mode="json"), "provenance": provenance,
        "weights": checkpoint.weights_of(segmenter),
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
    checkpoint.fill(network, payload.get("weights"), where, f"{about.backbone} segmenter")
    return Segmenter(
        network.eval(), about.classes, Square.of(about.image), about.provenance
    )
