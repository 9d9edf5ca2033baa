"""The page of a detector's or a segmenter's run, written again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from edgessl import checkpoint
from edgessl.dense.boxes.load import load_boxes
from edgessl.dense.detection import report as of_detector
from edgessl.dense.masks.load import load_masks
from edgessl.dense.segmentation import report as of_segmenter
from edgessl.dense.segmentation.deploy import segmenter_from
from edgessl.dense.segmentation.train import logits_of
from edgessl.errors import UserError
from edgessl.json_file import read_table
from edgessl.pipeline.dense.detect_scores import read_kept
from edgessl.runs.stages import DETECT, SEGMENT


def write_dense_page(run: Path) -> Path:
    """Write ``report.html`` again.

    Args:
        run: Folder of a finished run.

    Returns:
        Where the page is.

    Raises:
        UserError: The images of the run, or what it found in them, are gone.
    """
    document = read_table(run / "report.json")
    write = _detector if document["task"] == "detect" else _segmenter
    return write(run, document)


def _detector(run: Path, document: Mapping[str, Any]) -> Path:
    found = run / "state" / f"{DETECT.name}-found.npz"
    if not found.is_file():
        raise UserError(f"{found}: must be there for the page, found none; run the command again")
    boxes = load_boxes(document["data"]["source"])
    _refuse_changed(boxes.source, boxes.fingerprint, document)
    return of_detector.write_page(run, document, boxes.test, read_kept(found))


def _segmenter(run: Path, document: Mapping[str, Any]) -> Path:
    path = run / SEGMENT.file
    segmenter = segmenter_from(checkpoint.load(path), str(path))
    masks = load_masks(document["data"]["source"])
    _refuse_changed(masks.source, masks.fingerprint, document)
    predict = logits_of(segmenter.module, segmenter.square, torch.device("cpu"))
    return of_segmenter.write_page(run, document, masks.test, segmenter.square, predict)


def _refuse_changed(source: str, fingerprint: str, document: Mapping[str, Any]) -> None:
    if fingerprint != document["data"]["fingerprint"]:
        raise UserError(
            f"{source}: must hold the images that the run was scored on, got others; restore them"
        )
