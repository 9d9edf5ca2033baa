"""What a Python user gets back from a run: where it lies, and what it reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgessl.errors import UserError
from edgessl.json_file import parse_json
from edgessl.metrics.interval import Score
from edgessl.report.shape import ReportShape, trouble_with

if TYPE_CHECKING:
    from edgessl.backbones import Backbone


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder that has come to its end.

    Attributes:
        path: The folder, such as ``runs/pets-mobilenetv2-dino``.
    """

    path: Path

    @property
    def report(self) -> dict[str, Any]:
        """The content of ``report.json``.

        Raises:
            UserError: The run has not come to its end.
        """
        path = self.path / "report.json"
        try:
            document: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
            if trouble := trouble_with(document, ReportShape) if document else "nothing":
                raise ValueError(trouble)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path}: must be the report of a finished run, found none; run it to its end"
            ) from error
        return document

    @property
    def scores(self) -> dict[str, Score]:
        """Scores on ``test`` by name: ``knn_top1``, ``linear_top1``, ``finetune_top1``.

        Each has ``value``, ``low`` and ``high`` in percent, and ``n`` test images. Empty without
        labelled test images.
        """
        return {name: Score(**score) for name, score in self.report.get("scores", {}).items()}

    @property
    def verdict(self) -> str:
        """What the scores mean, in a sentence or two."""
        return str(self.report["verdict"])

    @property
    def checkpoint(self) -> Path:
        """``ckpt.pt``: what ``export``, ``evaluate`` and ``bench`` read."""
        return self.path / "ckpt.pt"

    @property
    def pretrained(self) -> Path:
        """``pretrained.pt``: what ``finetune`` starts from."""
        return self.path / "pretrained.pt"

    def backbone(self) -> Backbone:
        """Return the pretrained backbone, on the CPU: images ``(B, 3, H, W)`` to ``(B, D)``.

        Raises:
            UserError: The file is missing or damaged.
        """
        from edgessl import checkpoint
        from edgessl.backbones import deployable_from

        return deployable_from(checkpoint.load(self.pretrained), str(self.pretrained)).backbone
