"""What the ``ckpt.pt`` of a network with answers at places holds, whatever its answers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field
from torch import nn

from edgessl import checkpoint
from edgessl.artifact.tables import ClassName
from edgessl.backbones import Backbone
from edgessl.errors import UserError
from edgessl.schema import Table, validate


class Kept(Table):
    """A network without its weights; those of a kind have their tables beside it.

    Attributes:
        kind: Of the checkpoint.
        backbone: Its name.
        image_px: Side that the backbone was made for.
        batchnorm_eps: Of its BN; None for the usual one.
        classes: Class names in label order.
        provenance: Recipe, data, seed and version, as plain values.
    """

    kind: str
    backbone: str
    image_px: Annotated[int, Field(ge=1, le=8192)]
    batchnorm_eps: Annotated[float, Field(gt=0)] | None = None
    classes: Annotated[tuple[ClassName, ...], Field(min_length=1)]
    provenance: dict[str, Any]

    def new_backbone(self) -> Backbone:
        """Build its backbone, with weights of no meaning."""
        return Backbone(self.backbone, "keep", self.image_px, batchnorm_eps=self.batchnorm_eps)


Kind = TypeVar("Kind", bound=Kept)


def kept_payload(
    kind: str, network: nn.Module, backbone: Backbone, *, classes: tuple[str, ...],
    tables: Mapping[str, Table], provenance: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Return the checkpoint payload of a network, to be written with ``checkpoint.save``.

    Args:
        kind: Of the checkpoint.
        network: Its weights are written as they were trained.
        backbone: The one inside it.
        classes: Class names in label order.
        tables: What else rebuilds it, by the keys of its ``Kept``.
        provenance: Where it comes from, as plain values.
    """
    return {
        "kind": kind, "backbone": backbone.name, "image_px": backbone.image_px,
        "batchnorm_eps": backbone.batchnorm_eps, "classes": list(classes),
        **{name: table.model_dump(mode="json") for name, table in tables.items()},
        "provenance": provenance, "weights": checkpoint.weights_of(network),
    }  # fmt: skip


def read_kept(
    table: type[Kind], kind: str, payload: Mapping[str, Any], where: str, what: str, whose: str
) -> Kind:
    """Read a payload but for its weights.

    Args:
        table: The ``Kept`` of the kind.
        kind: That is wanted.
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.
        what: The network in words, such as ``a detector``.
        whose: Whose run folder has one, in words.

    Raises:
        UserError: The checkpoint is of another kind, or says what cannot be.
    """
    if payload.get("kind") != kind:
        raise UserError(
            f"{where}: must hold {what}, got a '{payload.get('kind')}' checkpoint; pass the "
            f"ckpt.pt of {whose} run folder"
        )
    given = {key: payload[key] for key in table.model_fields if key in payload}
    return validate(table, given, where)
