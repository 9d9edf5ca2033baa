"""The story of a segmenter: masks in, a trained and scored segmenter and its report out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgessl import __version__, checkpoint
from edgessl.dense.masks.load import load_masks
from edgessl.dense.masks.masked import SPLITS, MaskSet
from edgessl.dense.originals import pixels_of
from edgessl.dense.segmentation.deploy import Segmenter, segmenter_from
from edgessl.dense.segmentation.miou import Counts, confusions, resampled, score
from edgessl.dense.segmentation.report import write_page
from edgessl.dense.segmentation.train import SegmentWork, logits_of, train_segmenter
from edgessl.device import pick_device
from edgessl.distributed.session import joined
from edgessl.errors import Refusals, UserError
from edgessl.metrics.cost import macs, params
from edgessl.metrics.interval import Score
from edgessl.pipeline.dense.run import (
    STARTS,
    Shown,
    arms_of,
    as_given,
    identity_of,
    record,
    refuse_other,
    reopen,
)
from edgessl.pipeline.results import Run
from edgessl.recipe.load_dense import load_segmenter
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import EVALUATE, REPORT, SEGMENT, SEGMENT_ARMS, StageId, evaluated
from edgessl.start.source import NONE, open_weights
from edgessl.train import Engine
from edgessl.train.place.context import Workplace, once

_WORDS = {"random": "random weights", "imagenet": "the weights of ImageNet"}


def segment(
    recipe: str,
    *,
    data: str | Path,
    out: str | Path | None = None,
    epochs: int | None = None,
    seed: int = 0,
    size: int | None = None,
    device: str = "auto",
    init: str = NONE,
    baselines: Sequence[str] = (),
    overrides: Sequence[str] = (),
    fresh: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
) -> Run:
    """Train a segmenter on images with masks, score it on ``test``, and report.

    Args:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file of a segmenter.
        data: A folder of images and masks with ``classes.txt``.
        out: As of ``detect``, like all others.
        epochs: In place of the recipe's.
        seed: Decides everything random.
        size: Side of images in px.
        device: Where it trains.
        init: Weights of the backbone to start from.
        baselines: What to train for comparison.
        overrides: Changes to the recipe.
        fresh: Start over in a folder that has a run.
        reporter: Is told what goes on; None prints it.
        command: The command as typed, for the report.

    Returns:
        The finished run.

    Raises:
        UserError: Something asked for cannot be used.
    """
    with joined() as world, speaking(reporter) as tell:
        if world.size > 1:
            raise UserError(
                f"--nproc-per-node: must be 1 for a segmenter, got {world.size}; start one process"
            )
        refusals = Refusals()
        arms: list[str] = []
        with refusals:
            arms = arms_of(baselines, init)
        changes = [*overrides]
        changes += [] if size is None else [f"image.input_px={size}"]
        changes += [] if epochs is None else [f"train.epochs={epochs}"]
        table = None
        with refusals:
            table = load_segmenter(recipe, changes)
        here = "cpu"
        with refusals:
            here = pick_device(device)
        refusals.raise_all()
        assert table is not None
        given = None if init == NONE else open_weights(init, table.backbone.name)
        table = as_given(table, given)
        masks = load_masks(data, lambda done, total: tell.progress("read", done, total))
        for line in described(masks):
            tell.say(line)
        path = Path(out or Path("runs") / f"{masks.name}-{table.name.replace(':', '-')}")
        folder = RunFolder(path)
        with folder.locked():
            shown = Shown(
                masks.source, masks.fingerprint, tuple(one.digest for one in masks.train),
                masks.left_out,
            )
            identity = identity_of(table, shown, seed, init, given)
            if not fresh:
                refuse_other(folder, identity)
            else:
                folder.clear()
            place = Workplace(
                run=folder, engine=Engine(torch.device(here), torch.channels_last), seed=seed,
                reporter=tell,
            )
            record(place, table, shown, identity, given)
            work = SegmentWork(place, table, masks, folder.read()["provenance"])
            _train(work, init, arms, command)
        return Run(path)


def described(masks: MaskSet) -> list[str]:
    """Tell images, classes, what was decided about them, and what was left out."""
    counts = ", ".join(f"{len(masks.split(name))} {name}" for name in SPLITS)
    lines = [f"{masks.name}: {counts} images with masks, {len(masks.classes)} classes."]
    lines += masks.notes
    if masks.left_out:
        where, why = masks.left_out[0]
        lines.append(
            f"{len(masks.left_out)} file(s) cannot be used and are left out; the first: {where}: "
            f"{why}."
        )
    return lines


def load_segmenter_of(work: SegmentWork, stage: StageId) -> Segmenter:
    """Read the checkpoint that a training left."""
    path = work.place.run.path / stage.file
    return segmenter_from(checkpoint.load(path), str(path))


def _train(work: SegmentWork, init: str, arms: Sequence[str], command: str) -> None:
    place = work.place
    reopen(place, [SEGMENT_ARMS[name].name for name in arms])
    if REPORT in place.run.read()["finished"]:
        place.reporter.say(f"{place.run.path}: this run is done; --fresh starts it over.")
    trained = {SEGMENT.name: once(place, SEGMENT.name,
                                  partial(train_segmenter, work, SEGMENT, init))}  # fmt: skip
    for name in arms:
        stage, start = SEGMENT_ARMS[name], STARTS[name]
        trained[stage.name] = once(
            place, stage.name, partial(train_segmenter, work, stage, start)
        )
    scored = once(place, EVALUATE, partial(_score, work, SEGMENT))
    others = {
        name: once(place, evaluated(name), partial(_score, work, SEGMENT_ARMS[name]))
        for name in arms
    }
    once(place, REPORT, lambda: _report(work, init, trained, scored, others, command))


def _score(work: SegmentWork, stage: StageId) -> dict[str, Any]:
    """Score the checkpoint of a training on ``test``; its counts are kept beside its states."""
    segmenter, place = load_segmenter_of(work, stage), work.place
    predict = logits_of(segmenter.module.to(place.device), segmenter.square, place.device)
    counts = confusions(
        pixels_of(work.masks.test, segmenter.square), work.masks.test, len(segmenter.classes),
        predict, lambda done, total: place.reporter.progress(f"scoring {stage.name}", done, total),
    )  # fmt: skip
    np.save(_file(work, stage), counts)
    facts = score(counts, segmenter.classes)
    miou = Score(**facts["scores"]["miou"])
    place.reporter.say(
        f"{stage.name}: mIoU {miou.value:.1f} % ({miou.low:.1f} to {miou.high:.1f}) on {miou.n} "
        "test images."
    )
    return facts


def _file(work: SegmentWork, stage: StageId) -> Path:
    return work.place.run.path / "state" / f"{stage.name}-counts.npy"


def _counts(work: SegmentWork, stage: StageId) -> Counts:
    if not _file(work, stage).is_file():
        _score(work, stage)
    counts: Counts = np.load(_file(work, stage), allow_pickle=False)
    return counts


def _verdict(
    work: SegmentWork, init: str, scored: dict[str, Any], others: dict[str, Any]
) -> str:
    own = Score(**scored["scores"]["miou"])
    told = [
        f"mIoU {own.value:.1f} % (95 % interval {own.low:.1f} to {own.high:.1f}) on {own.n} test "
        f"images, from {'random weights' if init == NONE else init}."
    ]
    for name, one in others.items():
        theirs = Score(**one["scores"]["miou"])
        gains = resampled(_counts(work, SEGMENT)) - resampled(_counts(work, SEGMENT_ARMS[name]))
        low, high = np.percentile(gains, [2.5, 97.5])
        apart = "better than" if low > 0 else "worse than"
        word = apart if low > 0 or high < 0 else "not shown to differ from"
        told.append(
            f"That is {word} the same segmenter from {_WORDS[name]} ({theirs.value:.1f} %): "
            f"{own.value - theirs.value:+.1f} points ({low:+.1f} to {high:+.1f}), one seed."
        )
    if not others:
        told.append("No other start was trained beside it; --baselines random trains one.")
    return " ".join(told)


def _report(
    work: SegmentWork, init: str, trained: dict[str, Any], scored: dict[str, Any],
    others: dict[str, Any], command: str,
) -> dict[str, Any]:
    place, masks = work.place, work.masks
    segmenter = load_segmenter_of(work, SEGMENT)
    file = shlex.quote(str(place.run.path / SEGMENT.file))
    document = {
        "edgessl": __version__, "task": "segment", "name": f"{masks.name} · {work.recipe.name}",
        "command": command, "verdict": _verdict(work, init, scored, others),
        **{key: value for key, value in scored.items() if key != "confusion"},
        "pixel_confusion": scored["confusion"],
        **{f"scores_{name}": one["scores"] for name, one in others.items()},
        "data": {
            "source": masks.source, "fingerprint": masks.fingerprint,
            "classes": list(masks.classes),
            "images": {name: len(masks.split(name)) for name in SPLITS},
            "left_out": [list(one) for one in masks.left_out], "notes": list(masks.notes),
        },
        "recipe": work.recipe.model_dump(mode="json"), "init": init,
        "model": {
            "backbone": work.recipe.backbone.name, "params": params(segmenter.module),
            "macs": macs(segmenter.module, segmenter.square.input_px),
            "input_px": segmenter.square.input_px,
        },
        "throughput": {
            "seconds": {name: one["seconds"] for name, one in trained.items()},
            **{key: trained[SEGMENT.name][key] for key in ("images_per_s", "data_share")},
        },
        "device": place.run.read()["device"], "next": f"edgessl export {file} --onnx",
    }  # fmt: skip
    place.run.write_json("report.json", document)
    predict = logits_of(segmenter.module, segmenter.square, torch.device("cpu"))
    write_page(place.run.path, document, masks.test, segmenter.square, predict)
    return {}
