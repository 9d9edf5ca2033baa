"""What an exported file says about itself, as JSON under the key ``edgessl``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgessl.artifact.tables import refuse_metadata
from edgessl.errors import UserError

KEY = "edgessl"
SCHEMA = 2  # 2 added precision and takes; files of 1 are fp32 and take normalised images

Precision = Literal["fp32", "int8"]
Takes = Literal["normalised", "pixels"]


@dataclass(frozen=True, slots=True)
class Metadata:
    """Labels, preprocessing and history of one exported file.

    Attributes:
        head: What comes out: ``"logits"``, ``"probs"`` or ``"features"``.
        classes: Class names in the order of the outputs; empty for features.
        preprocess: Values of ``edgessl.data.preprocess.Preprocess``.
        input_px: Side of the square images that go in.
        provenance: Recipe, data and scores, without absolute paths.
        gates: Every check of the export with its status and numbers, skipped ones included.
        precision: Number format of the weights.
        takes: ``"normalised"`` for ``(B, 3, S, S)`` float32; ``"pixels"`` for ``(B, H, W, 3)``
            uint8 of any height and width.
    """

    head: str
    classes: tuple[str, ...]
    preprocess: dict[str, Any]
    input_px: int
    provenance: dict[str, Any]
    gates: tuple[dict[str, Any], ...] = ()
    precision: Precision = "fp32"
    takes: Takes = "normalised"

    def to_json(self) -> str:
        """Return one JSON document with the schema version."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> Metadata:
        """Read what ``to_json`` wrote.

        Args:
            text: The JSON document.
            where: The file's name, for the message.

        Raises:
            UserError: It is damaged, or written by a newer edgessl.
        """
        try:
            values = json.loads(text)
            schema = values.pop("schema")
            if not isinstance(schema, int):
                raise ValueError("schema: must be a number")
            if schema > SCHEMA:
                raise UserError(
                    f"{where}: must have metadata schema <= {SCHEMA}, got {schema}; update edgessl"
                )
            refuse_metadata(values)
            lists = {key: tuple(values[key]) for key in ("classes", "gates")}
            return cls(**{**values, **lists})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{where}: must carry edgessl metadata as JSON, got damaged ones "
                f"({' '.join(str(error).split())[:100]}); export it again"
            ) from error
