"""The story of transfer as in the papers: a backbone under their network, trained and scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from edgessl import __version__
from edgessl.dense.transfer.task import TransferTask
from edgessl.dense.transfer.tasks import TRANSFERS
from edgessl.dense.transfer.train import open_trained, train
from edgessl.dense.work import Work
from edgessl.metrics.cost import params
from edgessl.pipeline.dense.run import STARTS, reopen
from edgessl.pipeline.dense.story import Story
from edgessl.pipeline.dense.transfer_plan import fitted
from edgessl.pipeline.dense.transfer_prepare import prepare_transfer
from edgessl.runs.stages import EVALUATE, REPORT, StageId, evaluated
from edgessl.train.place.context import once

_WORDS = {"random": "random weights", "imagenet": "the weights of ImageNet"}


@dataclass(frozen=True)
class _Scored:
    """What a run came to."""

    own: dict[str, Any]
    others: dict[str, dict[str, Any]]


def _stages(work: Work[TransferTask], start: str, arms: Sequence[str], command: str) -> None:
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


def _score(work: Work[TransferTask], stage: StageId) -> dict[str, Any]:
    place, task = work.place, work.task
    facts = task.judge(
        open_trained(work, stage), work.images, place.device,
        lambda done, total: place.reporter.progress(f"scoring {stage.name}", done, total),
    )  # fmt: skip
    images = facts["scores"][task.figure[1]]["n"]
    place.reporter.say(f"{stage.name}: {task.words(facts)} on {images} test images.")
    return facts


def _verdict(work: Work[TransferTask], start: str, scored: _Scored) -> str:
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
    work: Work[TransferTask], start: str, trained: dict[str, Any], scored: _Scored, command: str
) -> dict[str, Any]:
    place, task, recipe, loaded = work.place, work.task, work.recipe, work.images
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


PAPERS = {
    task: Story(partial(prepare_transfer, task), "iterations", "steps", fitted, _stages, alone=True)
    for task in TRANSFERS
}
"""The story of transfer on boxes (``detect``) and on masks (``segment``)."""
