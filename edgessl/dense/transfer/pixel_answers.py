"""What a paper's segmenter tells of whole images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate, pad

from edgessl.data.parallel import ordered_map
from edgessl.dense.masks.masked import MaskedImage
from edgessl.dense.segmentation.miou import Counts, confusion_of
from edgessl.dense.transfer.dilated import PixelNetwork
from edgessl.dense.transfer.originals import read_pixels
from edgessl.dense.transfer.pixel_deploy import PixelSegmenter
from edgessl.dense.transfer.pixels import PixelSet, labels_of
from edgessl.recipe.transfer_table import CropTable

_DIVISIBLE = 32


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
