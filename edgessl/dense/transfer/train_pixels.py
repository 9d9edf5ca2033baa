"""One training of a paper's segmenter, and what it tells of whole images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate, pad

from edgessl import checkpoint
from edgessl.data.parallel import ordered_map
from edgessl.dense.masks.masked import MaskedImage
from edgessl.dense.segmentation.miou import Counts, confusion_of
from edgessl.dense.transfer.dilated import PixelNetwork
from edgessl.dense.transfer.originals import Stream, read_pixels
from edgessl.dense.transfer.pixel_deploy import (
    PixelSegmenter,
    pixel_payload,
    pixel_segmenter_from,
)
from edgessl.dense.transfer.pixel_method import PixelTraining
from edgessl.dense.transfer.pixel_sampler import PixelSampler
from edgessl.dense.transfer.pixels import PixelSet, labels_of
from edgessl.dense.transfer.work import TransferWork, started_backbone, train_on
from edgessl.recipe.transfer_table import CropTable, SegmentationTransfer
from edgessl.runs.stages import StageId

PixelWork = TransferWork[SegmentationTransfer, PixelSet]
_DIVISIBLE = 32


def train_pixels(work: PixelWork, stage: StageId, start: str) -> dict[str, Any]:
    """Train a segmenter, from where an earlier run of it stopped, and write its checkpoint.

    Args:
        work: The run.
        stage: Its name, number and file.
        start: Weights of its backbone, as of ``--init``.

    Returns:
        How fast it was, as plain values.
    """
    place, recipe, data = work.place, work.recipe, work.data
    backbone = started_backbone(place, recipe.backbone, start, stage)
    segmenter = PixelNetwork(backbone, len(data.classes), recipe.segmenter)

    def sampler_of(stream: Stream) -> PixelSampler:
        return PixelSampler(data.train, data.lookup, stream, recipe.image)

    facts = train_on(
        place, stage, recipe.train, PixelTraining(segmenter), data.train, sampler_of,
        recipe.segmenter.precise_batchnorm_steps,
    )  # fmt: skip
    checkpoint.save(place.run.path / stage.file, pixel_payload(
        segmenter, classes=data.classes, image=recipe.image,
        provenance={**work.provenance, "start": start},
    ))  # fmt: skip
    return facts


def load_pixel_segmenter(work: PixelWork, stage: StageId) -> PixelSegmenter:
    """Read the checkpoint that a training left."""
    path = work.place.run.path / stage.file
    return pixel_segmenter_from(checkpoint.load(path), str(path))


def count_pixels(
    segmenter: PixelSegmenter, data: PixelSet, device: torch.device,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Counts:
    """Compare a segmenter's answers on ``test`` with the masks, at the images' own size.

    Args:
        segmenter: Is moved to the device.
        data: The images.
        device: Where it runs.
        progress: Called with (done, total).

    Returns:
        ``(I, K, K)``, as of ``confusion_of``.
    """
    classes = len(segmenter.classes)
    counts = np.zeros((len(data.test), classes, classes), np.int64)
    for place, answer in enumerate(answers(segmenter, data.test, device)):
        counts[place] = confusion_of(answer, labels_of(data.test[place], data.lookup), classes)
        progress(place + 1, len(data.test))
    return counts


def answers(
    segmenter: PixelSegmenter, images: Sequence[MaskedImage], device: torch.device
) -> Iterator[NDArray[np.uint8]]:
    """Yield the class of each pixel of each image, ``(H, W)``."""
    module = segmenter.module.to(device)
    for pixels in ordered_map(read_pixels, images):
        yield answer_of(module, pixels, segmenter.image, device)


def answer_of(
    module: PixelNetwork, pixels: NDArray[np.uint8], table: CropTable, device: torch.device
) -> NDArray[np.uint8]:
    """Return the class of each pixel of an image, ``(H, W)``.

    Args:
        module: In evaluation mode, on the device.
        pixels: The image, ``(3, H, W)``.
        table: How images are fed.
        device: Where it runs.
    """
    image = torch.from_numpy(pixels.copy()).to(device).float()[None] / 255
    height, width = pixels.shape[1:]
    scale = table.test_px / min(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    if (rows, columns) != (height, width):
        image = interpolate(image, (rows, columns), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(one, device=device)[:, None, None] for one in (table.mean, table.std))
    image = (image - mean) / std
    below, right = (_DIVISIBLE * math.ceil(side / _DIVISIBLE) - side for side in (rows, columns))
    with torch.inference_mode():
        logits = module(pad(image, (0, right, 0, below)))[..., :rows, :columns]
        logits = interpolate(logits.float(), (height, width), mode="bilinear", align_corners=False)
        answer: NDArray[np.uint8] = logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    return answer
