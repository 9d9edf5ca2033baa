"""Boxes or classes of pixels in single images; drawn where asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.data.decode import BadImage, read_image
from edgessl.errors import UserError
from edgessl.pipeline.dense.opened import Network, open_network


@dataclass(frozen=True)
class DensePredictor:
    """A network that answers for one image after the other.

    Attributes:
        network: It.
        draw: Folder for images with the answer drawn; None for none.
    """

    network: Network
    draw: Path | None = None

    @property
    def head(self) -> str:
        """What the answers are: ``detections`` or ``pixels``."""
        return self.network.task.drawing.head

    def answers(self, images: Iterable[Path]) -> Iterator[dict[str, Any]]:
        """Yield an answer for every image.

        Args:
            images: Image files.

        Yields:
            ``image`` and what the task tells: ``boxes`` with name, score and ``box`` in pixels,
            the surest first, or ``pixels`` with name and share; or ``error`` and whose ``fault``
            it is.
        """
        network = self.network
        drawing = network.task.drawing
        for path in images:
            try:
                image = read_image(path)
            except (BadImage, UserError) as bad:
                told = f"{path}: must be an image, got: {bad}; leave it out or replace it"
                yield {"image": str(path), "error": told, "fault": "image"}
                continue
            found = network.ask(image)
            answer = {"image": str(path), **drawing.told(found, image.size, network.classes)}
            if self.draw is not None:
                self.draw.mkdir(parents=True, exist_ok=True)
                place = self.draw / f"{path.stem}.png"
                drawing.answer(image, found, network.classes).save(place)
                answer["drawn"] = str(place)
            yield answer


def open_dense_predictor(
    model: Path, *, draw: Path | None = None, trust: bool = False
) -> DensePredictor:
    """Open a detector or a segmenter to ask it about single images.

    Args:
        model: ``ckpt.pt``, or a file that ``edgessl export`` wrote of it.
        draw: Folder for images with the answer drawn; None for none.
        trust: Whether to open a ``.torchscript`` file that no manifest lists.

    Raises:
        UserError: The file cannot be used.
    """
    return DensePredictor(open_network(model, trust=trust), draw)
