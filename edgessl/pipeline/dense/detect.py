"""The story of a detector: boxes in, a trained and scored detector and its report out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from edgessl import __version__
from edgessl.dense.boxes.boxed import SPLITS, BoxSet
from edgessl.dense.boxes.load import load_boxes
from edgessl.dense.detection.report import write_page
from edgessl.dense.detection.train import Work, train_detector
from edgessl.device import pick_device
from edgessl.distributed.session import joined
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.dense.detect_scores import (
    compare_detectors,
    detector_facts,
    kept,
    score_detector,
)
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
from edgessl.recipe.load_dense import load_detector
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import DETECT, DETECT_ARMS, REPORT, evaluated
from edgessl.start.source import NONE, open_weights
from edgessl.train import Engine
from edgessl.train.place.context import Workplace, once


def detect(
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
    """Train a detector on images with boxes, score it on ``test``, and report.

    The same call again goes on where an earlier one stopped, or returns at once.

    Args:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file of a detector.
        data: A folder in the layout of PASCAL VOC, COCO or YOLO.
        out: Run folder; None for ``runs/DATA-RECIPE``.
        epochs: In place of the recipe's.
        seed: Decides everything random.
        size: Side of images in px in place of the recipe's.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        init: Weights of the backbone to start from: ``none``, ``imagenet``, ``timm:NAME``, or a
            file, such as the ``pretrained.pt`` of a run.
        baselines: What to train for comparison: ``random``, ``imagenet``, both, or ``none``.
        overrides: ``KEY=VALUE`` changes to the recipe.
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
                f"--nproc-per-node: must be 1 for a detector, got {world.size}; start one process"
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
            table = load_detector(recipe, changes)
        here = "cpu"
        with refusals:
            here = pick_device(device)
        refusals.raise_all()
        assert table is not None
        given = None if init == NONE else open_weights(init, table.backbone.name)
        table = as_given(table, given)
        boxes = load_boxes(data, lambda done, total: tell.progress("read", done, total))
        for line in described(boxes):
            tell.say(line)
        path = Path(out or Path("runs") / f"{boxes.name}-{table.name.replace(':', '-')}")
        folder = RunFolder(path)
        with folder.locked():
            shown = Shown(
                boxes.source, boxes.fingerprint, tuple(one.digest for one in boxes.train),
                boxes.left_out,
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
            provenance = folder.read()["provenance"]
            _train(Work(place, table, boxes, provenance), init, arms, command)
        return Run(path)


def described(boxes: BoxSet) -> list[str]:
    """Tell images, objects, what was decided about them, and what was left out."""
    counts = ", ".join(
        f"{len(boxes.split(name))} {name} ({sum(len(one.labels) for one in boxes.split(name))})"
        for name in SPLITS
    )
    lines = [
        f"{boxes.name}: {counts} images (objects), {len(boxes.classes)} classes, {boxes.layout}.",
        *boxes.notes,
    ]
    if boxes.left_out:
        where, why = boxes.left_out[0]
        lines.append(
            f"{len(boxes.left_out)} box(es) or file(s) cannot be used and are left out; the first: "
            f"{where}: {why}."
        )
    return lines


def _train(work: Work, init: str, arms: Sequence[str], command: str) -> None:
    """Do what is not yet done, one stage after the other, and report."""
    place = work.place
    reopen(place, [DETECT_ARMS[name].name for name in arms])
    if REPORT in place.run.read()["finished"]:
        place.reporter.say(f"{place.run.path}: this run is done; --fresh starts it over.")
    trained = {DETECT.name: once(place, DETECT.name, lambda: train_detector(work, DETECT, init))}
    for name in arms:
        stage, start = DETECT_ARMS[name], STARTS[name]
        trained[stage.name] = once(place, stage.name, partial(train_detector, work, stage, start))
    scored = once(place, "evaluate", lambda: score_detector(work, DETECT))
    others = {
        name: once(place, evaluated(name), partial(score_detector, work, DETECT_ARMS[name]))
        for name in arms
    }
    once(place, REPORT, lambda: _report(work, init, trained, scored, others, command))


def _report(
    work: Work, init: str, trained: dict[str, Any], scored: dict[str, Any],
    others: dict[str, Any], command: str,
) -> dict[str, Any]:
    place, boxes = work.place, work.boxes
    verdict = compare_detectors(work, init, scored, others)
    checkpoint = shlex.quote(str(place.run.path / DETECT.file))
    document = {
        "edgessl": __version__,
        "task": "detect",
        "name": f"{boxes.name} · {work.recipe.name}",
        "command": command,
        "verdict": verdict,
        **scored,
        **{f"scores_{name}": one["scores"] for name, one in others.items()},
        "data": {
            "source": boxes.source, "layout": boxes.layout, "fingerprint": boxes.fingerprint,
            "classes": list(boxes.classes),
            "images": {name: len(boxes.split(name)) for name in SPLITS},
            "left_out": [list(one) for one in boxes.left_out], "notes": list(boxes.notes),
        },
        "recipe": work.recipe.model_dump(mode="json"),
        "init": init,
        "model": detector_facts(work),
        "throughput": {
            "seconds": {name: one["seconds"] for name, one in trained.items()},
            **{key: trained[DETECT.name][key] for key in ("images_per_s", "data_share")},
        },
        "device": place.run.read()["device"],
        "next": f"edgessl export {checkpoint} --onnx --int8",
    }  # fmt: skip
    place.run.write_json("report.json", document)
    write_page(place.run.path, document, boxes.test, kept(work, DETECT))
    return {}
