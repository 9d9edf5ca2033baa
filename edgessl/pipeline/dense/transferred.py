"""What a transfer left, asked again: its figures on images, and its page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgessl import checkpoint
from edgessl.dense.masks.masked import VOID
from edgessl.dense.transfer import deploy, pixel_deploy
from edgessl.dense.transfer.load import load_scenes
from edgessl.dense.transfer.load_pixels import load_pixels
from edgessl.dense.transfer.pixels import PixelSet
from edgessl.dense.transfer.scenes import Scene, SceneSet
from edgessl.device import pick_device
from edgessl.errors import UserError
from edgessl.json_file import read_table
from edgessl.pipeline.dense.transfer_boxes import box_words, draw_regions, score_regions
from edgessl.pipeline.dense.transfer_pixels import draw_pixels, pixel_words, score_pixels
from edgessl.runs.stages import DETECT, SEGMENT

_KINDS = (deploy.KIND, pixel_deploy.KIND)


def is_transferred(path: Path) -> bool:
    """Tell whether a file is the checkpoint of a transfer; one that cannot be read is none."""
    if path.suffix != ".pt" or not path.is_file():
        return False
    try:
        return checkpoint.load(path).get("kind") in _KINDS
    except UserError:
        return False


def evaluate_transferred(
    model: Path, data: str, *, device: str = "auto", say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Score the checkpoint of a transfer on the ``test`` of a set.

    Args:
        model: ``ckpt.pt`` of its run.
        data: A set's name or a folder, as it was trained on.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        say: Called with the name of each step.

    Returns:
        Plain values: ``model``, ``data``, ``words``, and what ``report.json`` has of the scores.

    Raises:
        UserError: Something does not exist or does not fit.
    """
    where, payload = torch.device(pick_device(device)), checkpoint.load(model)

    def progress(done: int, total: int) -> None:
        say(f"{done} of {total} images")

    if payload["kind"] == deploy.KIND:
        detector = deploy.region_detector_from(payload, str(model))
        scenes = _renumbered_scenes(load_scenes(data), detector.classes)
        facts = score_regions(detector, scenes, where, progress)
        return {"model": str(model), "data": scenes.source, "words": box_words(facts), **facts}
    segmenter = pixel_deploy.pixel_segmenter_from(payload, str(model))
    pixels = _renumbered_pixels(load_pixels(data), segmenter.classes)
    facts = score_pixels(segmenter, pixels, where, progress)
    return {"model": str(model), "data": pixels.source, "words": pixel_words(facts), **facts}


def write_transferred_page(run: Path) -> Path:
    """Write ``report.html`` again.

    Args:
        run: Folder of a finished transfer.

    Returns:
        Where the page is.

    Raises:
        UserError: The checkpoint or the images of the run are gone.
    """
    document, here = read_table(run / "report.json"), torch.device("cpu")
    source, stage = document["data"]["source"], DETECT if document["task"] == "detect" else SEGMENT
    path = run / stage.file
    payload = checkpoint.load(path)
    loaded = load_scenes(source) if document["task"] == "detect" else load_pixels(source)
    if loaded.fingerprint != document["data"]["fingerprint"]:
        raise UserError(
            f"{source}: must hold the images that the run was scored on, got others; restore them"
        )
    if isinstance(loaded, SceneSet):
        draw_regions(run, document, deploy.region_detector_from(payload, str(path)), loaded, here)
    else:
        draw_pixels(
            run, document, pixel_deploy.pixel_segmenter_from(payload, str(path)), loaded, here
        )
    return run / "report.html"


def _numbers(source: str, own: Sequence[str], known: Sequence[str]) -> list[int]:
    """Return the place among the known classes of each class of a set, by name."""
    unknown = [name for name in own if name not in known]
    if unknown:
        raise UserError(
            f"{source}: must have classes the network knows ({', '.join(known)}), got "
            f"{', '.join(unknown)} too; rename or leave them out"
        )
    return [known.index(name) for name in own]


def _renumbered_scenes(scenes: SceneSet, known: tuple[str, ...]) -> SceneSet:
    numbers = np.array(_numbers(scenes.source, scenes.classes, known), np.int64)

    def renumber(one: Scene) -> Scene:
        return replace(one, labels=numbers[one.labels])

    return replace(scenes, classes=known, test=tuple(map(renumber, scenes.test)))


def _renumbered_pixels(pixels: PixelSet, known: tuple[str, ...]) -> PixelSet:
    numbers = _numbers(pixels.source, pixels.classes, known)
    lookup = tuple(one if one == VOID else numbers[one] for one in pixels.lookup)
    return replace(pixels, classes=known, lookup=lookup)
