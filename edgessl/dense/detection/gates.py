"""Checks of an exported detector that classifiers do not have."""

from __future__ import annotations

from collections.abc import Sequence

from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.detection.found import Found
from edgessl.dense.detection.voc_ap import interval, match_class, mean_ap, overlaps, resampled
from edgessl.export.gates.gate import Gate

SURE_SCORE = 0.3
"""Boxes of the checkpoint from this score on must be in the file's answer."""
SAME_IOU, SAME_SCORE = 0.9, 0.05
LEAST_MATCHED = 0.99


def check_boxes(checkpoint: Sequence[Found], file: Sequence[Found], *, free: bool) -> Gate:
    """Look for each sure box of the checkpoint among the file's, and the other way round.

    Args:
        checkpoint: What the checkpoint told of each image.
        file: What the file told of the same images.
        free: Whether answers may differ, as those of an int8 file do.
    """
    ours = sum(int((one.scores >= SURE_SCORE).sum()) for one in checkpoint)
    theirs = sum(int((one.scores >= SURE_SCORE).sum()) for one in file)
    matched = sum(_matched(a, b) for a, b in zip(checkpoint, file, strict=True))
    back = sum(_matched(b, a) for a, b in zip(checkpoint, file, strict=True))
    share = (matched + back) / max(1, ours + theirs)
    finding = (
        f"{matched} of {ours} sure boxes found again, {theirs - back} of {theirs} only in the file "
        f"(IoU {SAME_IOU:g}, score {SAME_SCORE:g})"
    )
    numbers = {"checkpoint_boxes": ours, "matched": matched, "file_boxes": theirs,
               "matched_back": back}  # fmt: skip
    if not ours + theirs:
        return Gate("matched boxes", "skip", "the checkpoint finds no sure box", numbers)
    passed = free or share >= LEAST_MATCHED
    return Gate("matched boxes", "pass" if passed else "fail", finding, numbers)


def _matched(wanted: Found, there: Found) -> int:
    """Count the sure boxes of one answer that another one has too."""
    sure = wanted.scores >= SURE_SCORE
    same = overlaps(wanted.boxes[sure], there.boxes) >= SAME_IOU
    same &= wanted.labels[sure][:, None] == there.labels[None]
    same &= abs(wanted.scores[sure][:, None] - there.scores[None]) <= SAME_SCORE
    return int(same.any(axis=1).sum())


def check_ap(
    checkpoint: Sequence[Found], file: Sequence[Found], images: Sequence[BoxedImage],
    classes: Sequence[str], *, max_drop_percent: float,
) -> Gate:
    """Compare AP50 through the file with the checkpoint's, on the same test images.

    Args:
        checkpoint: What the checkpoint told of each image.
        file: What the file told.
        images: With their objects.
        classes: Class names in label order.
        max_drop_percent: Points that the file may lose.
    """
    ours, theirs = (
        [match_class(found, images, i) for i in range(len(classes))]
        for found in (checkpoint, file)
    )
    before, after = 100 * mean_ap(ours), 100 * mean_ap(theirs)
    low, high = (100 * end for end in interval(resampled(theirs) - resampled(ours)))
    finding = (
        f"AP50 {after:.2f} % through the file, {before:.2f} % before: {after - before:+.2f} points "
        f"({low:+.2f} to {high:+.2f}) on {len(images)} test images; {max_drop_percent:g} may be "
        "lost"
    )
    numbers = {"ap50_percent": after, "checkpoint_ap50_percent": before, "low": low, "high": high,
               "images": len(images), "max_drop_percent": max_drop_percent}  # fmt: skip
    passed = before - after <= max_drop_percent
    return Gate("AP through the file", "pass" if passed else "fail", finding, numbers)
