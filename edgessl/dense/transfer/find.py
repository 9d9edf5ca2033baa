"""What a region detector tells of originals: boxes, and masks in run lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from edgessl.data.parallel import ordered_map
from edgessl.dense.detection.found import Found
from edgessl.dense.transfer.originals import read_pixels
from edgessl.dense.transfer.scenes import Scene

_MASK_FROM = 0.5  # share of a pixel that a mask covers, as in Mask R-CNN, section 3.1


@dataclass(frozen=True, slots=True, eq=False)
class FoundMasks:
    """What a detector tells of an image.

    Attributes:
        found: Boxes, the surest first.
        masks: Of each box in COCO's compressed run lengths; None of a detector without.
    """

    found: Found
    masks: tuple[dict[str, Any], ...] | None


def find_in_originals(
    detector: GeneralizedRCNN,
    scenes: Sequence[Scene],
    test_px: int,
    device: torch.device,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[FoundMasks]:
    """Run a detector over images, one at a time and in their own shape.

    Args:
        detector: In evaluation mode, on the device.
        scenes: The images.
        test_px: Their shorter side for the detector.
        device: Where it runs.
        progress: Called with (done, total).
    """
    detector.transform.min_size = (test_px,)
    told = []
    for pixels in ordered_map(read_pixels, scenes):
        image = torch.from_numpy(pixels.copy()).to(device).float() / 255
        with torch.inference_mode():
            (output,) = detector([image])
        told.append(_of_image(output, *pixels.shape[1:]))
        progress(len(told), len(scenes))
    return told


def _of_image(output: dict[str, Tensor], height: int, width: int) -> FoundMasks:
    sides = np.array([width, height] * 2, np.float32)
    scores = output["scores"].float().cpu().numpy()
    order = np.argsort(-scores, kind="stable")
    boxes = (output["boxes"].float().cpu().numpy() / sides).astype(np.float32)
    found = Found(boxes[order], scores[order], output["labels"].cpu().numpy()[order] - 1)
    if "masks" not in output:
        return FoundMasks(found, None)
    drawn = (output["masks"][:, 0] > _MASK_FROM).cpu().numpy()[order]
    return FoundMasks(found, tuple(_encoded(one) for one in drawn))


def _encoded(mask: NDArray[np.bool_]) -> dict[str, Any]:
    from pycocotools.mask import encode

    runs: dict[str, Any] = encode(np.asfortranarray(mask.astype(np.uint8)))
    return runs
