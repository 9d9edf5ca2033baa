"""GT-known localisation of a row: do the maps of the true class lie on its object?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from edgessl.data.boxes import boxes_beside
from edgessl.data.preprocess import decode_eval
from edgessl.diagnose.heat import cells_of, heat_kind, heat_maps, logit_target, reads_features
from edgessl.diagnose.localise import Counts, count
from edgessl.diagnose.look import boxes_in_view
from edgessl.errors import UserError
from edgessl.evaluate.network import match_classes
from edgessl.evaluate.protocols import PROTOCOLS
from edgessl.pipeline.diagnose.diagnosed import open_subjects
from edgessl.pipeline.general import AS_THEY_ARE
from edgessl.pipeline.score.scored_images import choose_images
from edgessl.pipeline.study.number import Number

_AT_ONCE = 256  # images whose pixels and maps are in memory


def number_of_maps(
    network: Path, data: str, device: str, say: Callable[[str], None] = lambda _line: None
) -> Number:
    """Hold Grad-CAM of the true class against the boxes of all test images that have some.

    Args:
        network: A fine-tuned one.
        data: Where the images are, in CUB-200's layout or VOC's.
        device: One of ``device.NAMES``.
        say: Called with the name of each step.

    Raises:
        UserError: No test image has a box, or the network has no map of a class, or of one cell.

    Source:
        Cao & Wu 2021, arXiv:2103.13559, appendix B; how a map becomes a box is not said there, and
        is as ``edgessl diagnose`` has it.
    """
    (subject,) = open_subjects([str(network)], AS_THEY_ARE, device=device, trust=False)
    if not heat_kind(subject) or not reads_features(subject):
        raise UserError(
            f"{network}: must be a classifier on features of a last stage for gt_known, got "
            "another; take a row that is fine-tuned"
        )
    if cells_of(subject) < 2:
        raise UserError(
            f"{network}: must have a last stage of several cells for gt_known, got one at "
            f"{subject.side_px} px, whose map is the same everywhere; pass a larger --size"
        )
    images = choose_images(data, "top1", PROTOCOLS["top1"], network, subject.provenance)
    split, known = images.dataset.test, images.dataset.classes
    index = match_classes(known, subject.classes, images.dataset.name)
    labels = split.labels or ()
    boxed = [number for number, path in enumerate(split.paths) if boxes_beside(path)]
    say(f"Grad-CAM of {len(boxed)} test images with boxes")
    found = Counts()
    for start in range(0, len(boxed), _AT_ONCE):
        part = boxed[start : start + _AT_ONCE]
        paths = [split.paths[one] for one in part]
        digests = [split.digests[one] for one in part]
        pixels = decode_eval(paths, subject.preprocess, digests=digests)
        logits = torch.tensor([index[labels[one]] for one in part])
        maps = heat_maps(subject, pixels, logit_target(subject, logits))
        found += count(maps, [boxes_in_view(path, subject) for path in paths])
    localisation = found.localisation(heat_kind(subject))
    if localisation is None:
        raise UserError(
            f"{images.dataset.source}: must have boxes of objects for gt_known, found none beside "
            "its test images; give CUB-200 with bounding_boxes.txt, or VOC's Annotations"
        )
    return Number.of(localisation.score)
