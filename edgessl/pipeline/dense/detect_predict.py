"""Boxes in single images, through a checkpoint or an exported file; drawn where asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import open_artifact
from edgessl.data.decode import BadImage, read_image
from edgessl.dense.detection.deploy import detector_from, is_detector_file
from edgessl.dense.detection.found import Found, Suppression, suppress
from edgessl.dense.detection.score import SHOWN_SCORE
from edgessl.dense.detection.suppressed_graph import FULL, RAW, found_of
from edgessl.dense.draw import draw_boxes
from edgessl.dense.square import Square
from edgessl.errors import UserError

PLAIN_RULE = Suppression(0.5, 0.01, 100)
"""For a file that gives all its default boxes."""


@dataclass(frozen=True)
class BoxPredictor:
    """A detector that answers for one image after the other.

    Attributes:
        model: Its file.
        classes: Class names.
        find: Pixels ``(1, 3, S, S)`` to what is told.
        square: The evaluation transform.
        draw: Folder for images with boxes drawn; None for none.
    """

    model: Path
    classes: tuple[str, ...]
    find: Callable[[NDArray[np.uint8]], Found]
    square: Square
    draw: Path | None = None

    def answers(self, images: Iterable[Path]) -> Iterator[dict[str, Any]]:
        """Yield an answer for every image.

        Args:
            images: Image files.

        Yields:
            ``image`` and ``boxes`` with name, score and ``box`` in pixels, the surest first; or
            ``error`` and whose ``fault`` it is.
        """
        for path in images:
            try:
                image = read_image(path)
            except (BadImage, UserError) as bad:
                told = f"{path}: must be an image, got: {bad}; leave it out or replace it"
                yield {"image": str(path), "error": told, "fault": "image"}
                continue
            found = self.find(self.square.pixels(image)[None])
            sides = np.array([image.width, image.height] * 2, np.float32)
            answer: dict[str, Any] = {"image": str(path), "boxes": [
                {"name": self.classes[int(label)], "score": float(score),
                 "box": [round(float(one), 1) for one in box * sides]}
                for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True)
                if score >= SHOWN_SCORE
            ]}  # fmt: skip
            if self.draw is not None:
                self.draw.mkdir(parents=True, exist_ok=True)
                place = self.draw / f"{path.stem}.png"
                draw_boxes(image, found, self.classes, min_score=SHOWN_SCORE).save(place)
                answer["drawn"] = str(place)
            yield answer


def open_box_predictor(
    model: Path, *, draw: Path | None = None, trust: bool = False
) -> BoxPredictor:
    """Open a detector to ask it about single images.

    Args:
        model: ``ckpt.pt``, or a file that ``edgessl export`` wrote of it.
        draw: Folder for images with boxes drawn; None for none.
        trust: Whether to open a ``.torchscript`` file that no manifest lists.

    Raises:
        UserError: The file cannot be used.
    """
    if is_detector_file(model):
        import torch

        from edgessl import checkpoint
        from edgessl.dense.detection.train import predictor

        detector = detector_from(checkpoint.load(model), str(model))
        predict = predictor(detector.module, detector.square, torch.device("cpu"))
        rule = detector.rule
        return BoxPredictor(
            model, detector.classes, lambda pixels: suppress(predict(pixels), rule)[0],
            detector.square, draw,
        )  # fmt: skip
    artifact = open_artifact(model, trust=trust)
    metadata = artifact.metadata
    if metadata is None or metadata.head not in (FULL, RAW):
        raise UserError(f"{model}: must be a detector that edgessl exported, got another file")
    square = Square.from_dict(metadata.preprocess)

    def find(pixels: NDArray[np.uint8]) -> Found:
        output = artifact.run(square.normalise(pixels))
        return found_of(output, 1)[0] if metadata.head == FULL else suppress(output, PLAIN_RULE)[0]

    return BoxPredictor(model, metadata.classes, find, square, draw)
