"""The story of transfer as in the papers: a backbone under their network, trained and scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from edgessl import __version__
from edgessl.dense.transfer.work import TransferWork, open_trained, train
from edgessl.distributed.session import joined
from edgessl.errors import UserError
from edgessl.metrics.cost import params
from edgessl.pipeline.dense.prepare import Asked
from edgessl.pipeline.dense.run import KEY, STARTS, identity_of, record, refuse_other, reopen
from edgessl.pipeline.dense.transfer_plan import fitted, images_per_s
from edgessl.pipeline.dense.transfer_prepare import (
    PreparedTransfer,
    prepare_transfer,
    with_iterations,
)
from edgessl.pipeline.results import Run
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import EVALUATE, REPORT, StageId, evaluated
from edgessl.train.place.context import once

_WORDS = {"random": "random weights", "imagenet": "the weights of ImageNet"}


def transfer(
    task: str, asked: Asked, *, fresh: bool = False, reporter: Reporter | None = None,
    command: str = "",
) -> Run:  # fmt: skip
    """Train a paper's detector or segmenter on a backbone, score it on ``test``, and report.

    The same call again goes on where an earlier one stopped, or returns at once.

    Args:
        task: ``detect`` or ``segment``.
        asked: By the user.
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
        prepared = prepare_transfer(task, asked, tell)
        folder = RunFolder(prepared.path)
        with folder.locked():
            if fresh:
                folder.clear()
            prepared = _with_iterations(prepared, asked, folder, tell)
            table, loaded = prepared.table, prepared.data
            identity = identity_of(table, loaded, asked.seed, asked.init, prepared.given)
            refuse_other(folder, identity)
            work = prepared.work(asked, folder, tell, {})
            record(work.place, table, loaded, identity, prepared.given)
            work = prepared.work(asked, folder, tell, folder.read()["provenance"])
            _stages(work, asked.init, prepared.arms, command)
        return Run(prepared.path)


def _with_iterations(
    prepared: PreparedTransfer, asked: Asked, folder: RunFolder, tell: Reporter
) -> PreparedTransfer:
    """Settle the steps by ``--minutes``, once: a run that was begun keeps those it has."""
    if asked.minutes is None:
        return prepared
    known = folder.read().get(KEY)
    if known is None:
        work = prepared.work(asked, folder, tell, {})
        table = fitted(work, asked.minutes, len(prepared.arms), images_per_s(work))
    else:
        iterations = int(known["recipe"]["train"]["iterations"])
        tell.say(f"--minutes {asked.minutes:g}: this run keeps the {iterations} steps it has.")
        table = with_iterations(prepared.table, iterations)
    return replace(prepared, table=table)


@dataclass(frozen=True)
class _Scored:
    """What a run came to."""

    own: dict[str, Any]
    others: dict[str, dict[str, Any]]


def _stages(work: TransferWork, start: str, arms: Sequence[str], command: str) -> None:
    """Do what is not yet done, one stage after the other, and report."""
    place, task = work.place, work.task
    main = task.stage
    reopen(place, [task.arms[name].name for name in arms])
    if REPORT in place.run.read()["finished"]:
        place.reporter.say(f"{place.run.path}: this run is done; --fresh starts it over.")
    trained = {main.name: once(place, main.name, partial(train, work, main, start))}
    for name in arms:
        stage = task.arms[name]
        trained[stage.name] = once(place, stage.name, partial(train, work, stage, STARTS[name]))
    scored = _Scored(
        once(place, EVALUATE, partial(_score, work, main)),
        {name: once(place, evaluated(name), partial(_score, work, task.arms[name]))
         for name in arms},
    )  # fmt: skip
    once(place, REPORT, lambda: _report(work, start, trained, scored, command))


def _score(work: TransferWork, stage: StageId) -> dict[str, Any]:
    place, task = work.place, work.task
    facts = task.judge(
        open_trained(work, stage), work.data, place.device,
        lambda done, total: place.reporter.progress(f"scoring {stage.name}", done, total),
    )  # fmt: skip
    images = facts["scores"][task.figure[1]]["n"]
    place.reporter.say(f"{stage.name}: {task.words(facts)} on {images} test images.")
    return facts


def _verdict(work: TransferWork, start: str, scored: _Scored) -> str:
    words, (what, key) = work.task.words, work.task.figure
    told = [f"{words(scored.own)}, from {start}."]
    told += [f"From {_WORDS[name]}: {words(one)}." for name, one in scored.others.items()]
    figure = scored.own["scores"][key]
    told.append(
        f"The 95 % interval of {what} over test images is {figure['low']:.1f} to "
        f"{figure['high']:.1f}; one seed."
    )
    return " ".join(told)


def _report(
    work: TransferWork, start: str, trained: dict[str, Any], scored: _Scored, command: str
) -> dict[str, Any]:
    place, task, recipe, loaded = work.place, work.task, work.recipe, work.data
    finished = open_trained(work, task.stage)
    document = {
        "edgessl": __version__, "task": recipe.task, "kind": recipe.kind,
        "name": f"{loaded.name} · {recipe.name}", "command": command,
        "verdict": _verdict(work, start, scored), **scored.own,
        **{f"scores_{name}": one["scores"] for name, one in scored.others.items()},
        "baselines": scored.others,
        "data": {
            "source": loaded.source, "layout": loaded.layout, "fingerprint": loaded.fingerprint,
            "classes": list(loaded.classes),
            "images": {"train": len(loaded.train), "test": len(loaded.test)},
            "left_out": [list(one) for one in loaded.left_out], "notes": list(loaded.notes),
        },
        "recipe": recipe.model_dump(mode="json"), "init": start,
        "model": {
            "backbone": finished.backbone, "params": params(finished.module),
            "name": task.called(recipe),
        },
        "throughput": {
            "seconds": {name: one["seconds"] for name, one in trained.items()},
            **{key: trained[task.stage.name][key] for key in ("images_per_s", "data_share")},
        },
        "device": place.run.read()["device"],
    }  # fmt: skip
    place.run.write_json("report.json", document)
    task.draw(place.run.path, document, finished, loaded, place.device)
    return {}
