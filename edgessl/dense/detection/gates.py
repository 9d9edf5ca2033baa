"""A check of an exported detector that no other network has."""

from __future__ import annotations

from collections.abc import Sequence

from edgessl.dense.detection.found import Found
from edgessl.dense.detection.voc_ap import overlaps
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
