"""What an exported file says about itself, as JSON under the key ``edgessl``."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgessl.artifact.tables import refuse_metadata
from edgessl.errors import UserError

KEY = "edgessl"
SCHEMA = 3
"""2 added precision and takes: files of 1 are fp32 and take normalised images. 3 added what
``_NEWEST`` lists."""
_NEWEST: dict[str, Any] = {
    "thresholds": (), "temperature": 1.0, "reject_below": None, "prototypes": None,
}  # fmt: skip
"""Keys of 3 with the values that mean nothing: a file with none of them is one of 2."""

Precision = Literal["fp32", "fp16", "int8"]
Takes = Literal["normalised", "pixels"]
DENSE_HEADS = ("detections", "predictions", "pixels", "pixel_logits")
"""Heads of a detector's files, what is told or every default box, and of a segmenter's."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """Labels, preprocessing and history of one exported file.

    Attributes:
        head: What comes out: ``"logits"``, ``"probs"``, ``"features"``, or ``"prototypes"``:
            scores to be read as logits, and features that classes can be added with; of a detector
            all its ``"predictions"``, or ``"detections"`` without doubles; of a segmenter the
            logits of all ``"pixels"``, ``"pixel_logits"`` where pixels go in.
        classes: Class names in the order of the outputs; empty for features.
        preprocess: Values of ``edgessl.data.preprocess.Preprocess``; of a detector or a segmenter
            those of ``edgessl.dense.square.Square``.
        input_px: Side of the square images that go in.
        provenance: Recipe, data and scores, without absolute paths.
        gates: Every check of the export with its status and numbers, skipped ones included.
        precision: Number format of the weights.
        takes: ``"normalised"`` for ``(B, 3, S, S)`` float32; ``"pixels"`` for ``(B, H, W, 3)``
            uint8 of any height and width.
        thresholds: Probability from which on each class counts as shown, where an image may show
            several; empty where each has one label.
        temperature: What the logits of the trained network are divided by inside the file.
        reject_below: Probability of the answer below which it is "none of these"; None for a file
            that always answers.
        prototypes: Values of ``edgessl.artifact.enrolled.PrototypesTable``; None for other heads.
    """

    head: str
    classes: tuple[str, ...]
    preprocess: dict[str, Any]
    input_px: int
    provenance: dict[str, Any]
    gates: tuple[dict[str, Any], ...] = ()
    precision: Precision = "fp32"
    takes: Takes = "normalised"
    thresholds: tuple[float, ...] = ()
    temperature: float = 1.0
    reject_below: float | None = None
    prototypes: dict[str, Any] | None = None

    @property
    def levels(self) -> tuple[float, ...]:
        """The thresholds as values of the output: of logits, those whose sigmoid they are."""
        if self.head != "logits":
            return self.thresholds
        return tuple(_logit(one) for one in self.thresholds)

    def to_json(self) -> str:
        """Return one JSON document with the schema version."""
        plain = [key for key, without in _NEWEST.items() if getattr(self, key) == without]
        values = {key: value for key, value in asdict(self).items() if key not in plain}
        schema = SCHEMA if len(plain) < len(_NEWEST) else SCHEMA - 1
        return json.dumps({"schema": schema, **values}, ensure_ascii=False)

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
            lists = {key: tuple(values.get(key, ())) for key in ("classes", "gates", "thresholds")}
            return cls(**{**values, **lists})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"{where}: must carry edgessl metadata as JSON, got damaged ones "
                f"({' '.join(str(error).split())[:100]}); export it again"
            ) from error


def _logit(chance: float) -> float:
    if chance in (0.0, 1.0):
        return math.copysign(math.inf, chance - 0.5)
    return math.log(chance / (1.0 - chance))
