"""Rows of a study that put their network under a paper's detector or segmenter."""

from __future__ import annotations

from pathlib import Path

from edgessl.errors import UserError, nearest
from edgessl.json_file import read_table
from edgessl.pipeline.dense.prepare import Asked as Transfer
from edgessl.pipeline.study.asked import Asked
from edgessl.pipeline.study.folders import folder_of
from edgessl.pipeline.study.job import Pretraining, Transferring
from edgessl.pipeline.study.number import Number
from edgessl.recipe import load_recipe
from edgessl.recipe.load_transfer import find_transfer, load_transfer, protocols_of
from edgessl.recipe.study_row import Row, ScoreName
from edgessl.start.source import NONE

_VOC = {"voc_ap50": "ap50_11_points", "voc_ap": "ap_11_points", "voc_ap75": "ap75_11_points"}
"""As detectron2 scores VOC 2007, which the papers use."""


def transferring(
    row: Row, start: Pretraining | str, file: str, data: str, asked: Asked
) -> Transferring:
    """Say which detector or segmenter a row trains.

    Args:
        row: Has a protocol.
        start: What its backbone starts from.
        file: Of the pretraining.
        data: Where its images are.
        asked: How the study is to be run.

    Raises:
        UserError: The paper of its recipe has no such protocol.
    """
    base = row.recipe.partition(":")[0]
    named = find_transfer(row.protocol) or find_transfer(f"{base}:{row.protocol}")
    if named is None:
        known = protocols_of(row.recipe)
        raise UserError(
            f"{row.name}: protocol must be one of {', '.join(known) or 'a recipe of transfer'}, "
            f"got '{row.protocol}'{nearest(row.protocol, known)}"
        )
    backbone = load_recipe(row.recipe, overrides=(*row.set, *asked.overrides)).backbone.name
    other = "segmenter." if load_transfer(named).task == "detect" else "detector."
    own = tuple(one for one in asked.of_protocols if not one.startswith(other))
    changes = (*row.protocol_set, *own)
    table, iterations = load_transfer(named, changes, backbone), None
    if not asked.scale.whole:
        iterations = max(1, round(table.train.iterations * asked.scale.epochs))
    what = repr((start, file, changes, iterations, asked.size, asked.seed, backbone))
    return Transferring(
        start, table.task, named.spelled, backbone, data, iterations, changes,
        f"{folder_of(named.spelled, data, what)}-{table.task}", file,
    )  # fmt: skip


def transfer_of(one: Transferring, asked: Asked, runs: Path, start: str) -> Transfer:
    """Return what ``edgessl finetune --task`` is asked for.

    Args:
        one: Of a row.
        asked: How the study is run.
        runs: The folder of its runs.
        start: Weights that are there.
    """
    backbone = (f'backbone.name="{one.backbone}"',) if start == NONE else ()
    return Transfer(
        one.recipe, one.data, runs / one.folder, size=asked.size, seed=asked.seed,
        device=asked.device, init=start, baselines=("none",), iterations=one.iterations,
        overrides=(*backbone, *one.overrides),
    )  # fmt: skip


def start_of(one: Transferring, runs: Path) -> str:
    """Return the weights that a backbone starts from, once they are there."""
    return one.start if isinstance(one.start, str) else str(runs / one.start.folder / one.file)


def number_under(one: Transferring, score: ScoreName, runs: Path) -> Number:
    """Read the number of a row from the run that it needs.

    Args:
        one: Has come to its end.
        score: Which figure.
        runs: The folder of the runs.

    Raises:
        UserError: The network does not give it.
    """
    report = read_table(runs / one.folder / "report.json")
    if score == "miou":
        found = report["scores"]["miou"]
        return Number(found["value"], found["low"], found["high"], found["n"])
    images = report["scores"]["ap50"]["n"]
    if score in _VOC:
        return Number(report["voc"][_VOC[score]], n=images)
    _, what, figure = score.split("_")
    table = report.get("coco_masks" if what == "mask" else "coco", {})
    if table.get(figure) is None:
        raise UserError(
            f"{one.recipe}: must give a figure for {score}, got none; take a recipe of Mask "
            "R-CNN for masks, and images with objects"
        )
    return Number(table[figure], n=images)
