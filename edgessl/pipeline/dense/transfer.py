"""The story of transfer as in the papers: a backbone under their network, trained and scored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from edgessl import __version__
from edgessl.backbones import Backbone
from edgessl.dense.transfer.dilated import PixelNetwork
from edgessl.dense.transfer.load_pixels import load_pixels
from edgessl.dense.transfer.pixels import PixelSet
from edgessl.dense.transfer.rcnn import build_rcnn
from edgessl.dense.transfer.scenes import Scene, SceneSet
from edgessl.dense.transfer.work import TransferWork
from edgessl.device import pick_device
from edgessl.distributed.session import joined
from edgessl.errors import Refusals, UserError
from edgessl.pipeline.dense.run import (
    STARTS,
    arms_of,
    as_given,
    identity_of,
    record,
    refuse_other,
    reopen,
)
from edgessl.pipeline.dense.transfer_boxes import BoxChapter, open_boxes
from edgessl.pipeline.dense.transfer_pixels import PixelChapter
from edgessl.pipeline.results import Run
from edgessl.recipe.load_transfer import (
    TransferRecipe,
    find_transfer,
    load_transfer,
    refuse_unknown,
)
from edgessl.recipe.transfer_table import DetectionTransfer
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import EVALUATE, REPORT, StageId, evaluated
from edgessl.start.general import open_start
from edgessl.start.source import open_weights
from edgessl.train import Engine
from edgessl.train.place.context import Workplace, once

_WORDS = {"random": "random weights", "imagenet": "the weights of ImageNet"}


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How a run is shortened or shrunk.

    Attributes:
        iterations: Steps in place of the recipe's.
        epochs: Or passes over the training images.
        size: Shorter side of images in px, in training and evaluation.
    """

    iterations: int | None = None
    epochs: int | None = None
    size: int | None = None


def transfer(
    task: str,
    start: str,
    recipe: str,
    *,
    data: str | Path,
    lengths: Lengths = Lengths(),
    backbone: str | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    baselines: Sequence[str] = (),
    overrides: Sequence[str] = (),
    fresh: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
) -> Run:
    """Train a paper's detector or segmenter on a backbone, score it on ``test``, and report.

    The same call again goes on where an earlier one stopped, or returns at once.

    Args:
        task: ``detect`` or ``segment``.
        start: Weights of the backbone: a file of a run, or general weights.
        recipe: ``RECIPE:PROTOCOL``, the name of a recipe of transfer, or a TOML file of one.
        data: A set's name or a folder, as of ``load_scenes`` and ``load_pixels``.
        lengths: What is trained in place of what the recipe says.
        backbone: What a file of others holds; None to find out.
        out: Run folder; None for ``runs/DATA-RECIPE``.
        seed: Decides everything random.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
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
                f"--nproc-per-node: must be 1 for --task {task}, got {world.size}; start one "
                "process"
            )
        refusals = Refusals()
        arms: list[str] = []
        with refusals:
            arms = arms_of(baselines, start)
        table = None
        with refusals:
            table = _resolved(task, start, recipe, backbone, lengths, overrides)
        here = "cpu"
        with refusals:
            here = pick_device(device)
        refusals.raise_all()
        assert table is not None
        given = open_weights(start, table.backbone.name)
        table = as_given(table, given)
        loaded = _open(table, data, tell)
        table = _for_passes(table, lengths, len(loaded.train))
        for line in described(loaded):
            tell.say(line)
        path = Path(out or Path("runs") / f"{loaded.name}-{table.name.replace(':', '-')}")
        folder = RunFolder(path)
        with folder.locked():
            identity = identity_of(table, loaded, seed, start, given)
            if not fresh:
                refuse_other(folder, identity)
            else:
                folder.clear()
            place = Workplace(
                run=folder, engine=Engine(torch.device(here), torch.channels_last), seed=seed,
                reporter=tell,
            )
            record(place, table, loaded, identity, given)
            told = _Told(table, loaded, start, command)
            _train(place, _chapter(place, table, loaded), arms, told)
        return Run(path)


def described(loaded: SceneSet | PixelSet) -> list[str]:
    """Tell images, objects, what was decided about them, and what was left out."""
    parts = []
    for name, images in (("train", loaded.train), ("test", loaded.test)):
        objects = [len(one.labels) for one in images if isinstance(one, Scene)]
        parts.append(f"{len(images)} {name}{f' ({sum(objects)} objects)' if objects else ''}")
    lines = [
        f"{loaded.name}: {', '.join(parts)} images, {len(loaded.classes)} classes, "
        f"{loaded.layout}.",
        *loaded.notes,
    ]
    if loaded.left_out:
        where, why = loaded.left_out[0]
        lines.append(
            f"{len(loaded.left_out)} box(es) or file(s) cannot be used and are left out; the "
            f"first: {where}: {why}."
        )
    return lines


def _open(table: TransferRecipe, data: str | Path, tell: Reporter) -> SceneSet | PixelSet:
    def progress(done: int, total: int) -> None:
        tell.progress("read", done, total)

    if isinstance(table, DetectionTransfer):
        return open_boxes(table, data, progress)
    return load_pixels(data, progress)


def _resolved(
    task: str, start: str, recipe: str, backbone: str | None, lengths: Lengths,
    overrides: Sequence[str],
) -> TransferRecipe:
    named = find_transfer(recipe)
    if named is None:
        raise refuse_unknown(recipe, task)
    held = open_start(start, backbone).backbone
    changes = [*overrides]
    if lengths.size is not None:
        changes += [f"image.train_px=[{lengths.size}]", f"image.test_px={lengths.size}"]
        # The longer side is bounded as in the papers: 1333 for 800; a crop is as wide as high.
        changes.append(
            f"image.max_px={math.ceil(lengths.size * 1333 / 800)}" if task == "detect"
            else f"image.window_px=[{lengths.size},{lengths.size}]"
        )
    if lengths.iterations is not None:
        changes.append(f"train.iterations={lengths.iterations}")
    table = load_transfer(named, changes, held)
    if table.task != task:
        raise UserError(
            f"--recipe: must be one of --task {task}, got '{recipe}', which is of --task "
            f"{table.task}"
        )
    if table.backbone.name != held:
        raise UserError(
            f"{start}: must hold {table.backbone.name} for {table.name}, got {held}; pass a recipe "
            "of that backbone"
        )
    if lengths.iterations is not None and lengths.epochs is not None:
        raise UserError("--epochs: must be left out with --iterations, got both")
    _refuse_unfit(table)
    return table


def _refuse_unfit(table: TransferRecipe) -> None:
    """Refuse a backbone without the maps that a recipe reads, before any work.

    Raises:
        UserError: It has not.
    """
    backbone = Backbone(table.backbone.name)
    if isinstance(table, DetectionTransfer):
        build_rcnn(backbone, 1, table.detector, table.image)
    else:
        PixelNetwork(backbone, 1, table.segmenter)


def _for_passes(table: TransferRecipe, lengths: Lengths, images: int) -> TransferRecipe:
    """Let a run be as long as some passes over its images, and no step larger than all of them."""
    size = min(table.train.batch_size, images)
    changes: dict[str, Any] = {"batch_size": size}
    if lengths.epochs is not None:
        changes["iterations"] = max(1, lengths.epochs * images // size)
    return table.model_copy(update={"train": table.train.model_copy(update=changes)})


def _chapter(
    place: Workplace, table: TransferRecipe, loaded: SceneSet | PixelSet
) -> BoxChapter | PixelChapter:
    provenance = place.run.read()["provenance"]
    if isinstance(table, DetectionTransfer):
        assert isinstance(loaded, SceneSet)  # a recipe of boxes has opened boxes
        return BoxChapter(TransferWork(place, table, loaded, provenance))
    assert isinstance(loaded, PixelSet)
    return PixelChapter(TransferWork(place, table, loaded, provenance))


@dataclass(frozen=True)
class _Told:
    """What the report says that no file says."""

    table: TransferRecipe
    loaded: SceneSet | PixelSet
    start: str
    command: str


def _train(
    place: Workplace, chapter: BoxChapter | PixelChapter, arms: Sequence[str], told: _Told
) -> None:
    """Do what is not yet done, one stage after the other, and report."""
    main = chapter.stage
    reopen(place, [chapter.arms[name].name for name in arms])
    if REPORT in place.run.read()["finished"]:
        place.reporter.say(f"{place.run.path}: this run is done; --fresh starts it over.")
    trained = {main.name: once(place, main.name, partial(chapter.train, main, told.start))}
    for name in arms:
        stage = chapter.arms[name]
        trained[stage.name] = once(place, stage.name, partial(chapter.train, stage, STARTS[name]))
    scored = once(place, EVALUATE, partial(_score, place, chapter, main))
    others = {
        name: once(place, evaluated(name), partial(_score, place, chapter, chapter.arms[name]))
        for name in arms
    }
    once(place, REPORT, lambda: _report(place, chapter, told, trained, scored, others))


def _score(
    place: Workplace, chapter: BoxChapter | PixelChapter, stage: StageId
) -> dict[str, Any]:
    facts = chapter.score(stage)
    images = chapter.interval(facts)[1]["n"]
    place.reporter.say(f"{stage.name}: {chapter.in_words(facts)} on {images} test images.")
    return facts


def _verdict(
    chapter: BoxChapter | PixelChapter, start: str, scored: dict[str, Any], others: dict[str, Any]
) -> str:
    told = [f"{chapter.in_words(scored)}, from {start}."]
    told += [f"From {_WORDS[name]}: {chapter.in_words(one)}." for name, one in others.items()]
    what, figure = chapter.interval(scored)
    told.append(
        f"The 95 % interval of {what} over test images is {figure['low']:.1f} to "
        f"{figure['high']:.1f}; one seed."
    )
    return " ".join(told)


def _report(
    place: Workplace, chapter: BoxChapter | PixelChapter, told: _Told, trained: dict[str, Any],
    scored: dict[str, Any], others: dict[str, Any],
) -> dict[str, Any]:
    recipe, loaded = told.table, told.loaded
    document = {
        "edgessl": __version__, "task": recipe.task, "kind": recipe.kind,
        "name": f"{loaded.name} · {recipe.name}", "command": told.command,
        "verdict": _verdict(chapter, told.start, scored, others), **scored,
        **{f"scores_{name}": one["scores"] for name, one in others.items()},
        "baselines": others,
        "data": {
            "source": loaded.source, "layout": loaded.layout, "fingerprint": loaded.fingerprint,
            "classes": list(loaded.classes),
            "images": {"train": len(loaded.train), "test": len(loaded.test)},
            "left_out": [list(one) for one in loaded.left_out], "notes": list(loaded.notes),
        },
        "recipe": recipe.model_dump(mode="json"), "init": told.start, "model": chapter.model(),
        "throughput": {
            "seconds": {name: one["seconds"] for name, one in trained.items()},
            **{key: trained[chapter.stage.name][key] for key in ("images_per_s", "data_share")},
        },
        "device": place.run.read()["device"],
    }  # fmt: skip
    place.run.write_json("report.json", document)
    chapter.write_page(document)
    return {}
