"""The story of a dense run: boxes or masks in, a trained and scored network and its report out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from edgessl import __version__
from edgessl.dense.answers import answers_of_finished
from edgessl.dense.images import SPLITS
from edgessl.dense.report import write_page
from edgessl.dense.task import Task
from edgessl.dense.train import open_trained, train
from edgessl.dense.work import Work
from edgessl.pipeline.dense.lengths import fitted
from edgessl.pipeline.dense.prepare import prepare
from edgessl.pipeline.dense.run import STARTS, reopen
from edgessl.pipeline.dense.scores import compare, network_facts, score
from edgessl.pipeline.dense.story import Story
from edgessl.runs.stages import EVALUATE, REPORT, evaluated
from edgessl.train.place.context import once


def _stages(work: Work[Task], init: str, arms: Sequence[str], command: str) -> None:
    """Do what is not yet done, one stage after the other, and report."""
    place, task = work.place, work.task
    reopen(place, [task.arms[name].name for name in arms])
    if REPORT in place.run.read()["finished"]:
        place.reporter.say(f"{place.run.path}: this run is done; --fresh starts it over.")
    trained = {task.stage.name: once(place, task.stage.name,
                                     lambda: train(work, task.stage, init))}  # fmt: skip
    for name in arms:
        stage = task.arms[name]
        trained[stage.name] = once(place, stage.name, partial(train, work, stage, STARTS[name]))
    scored = once(place, EVALUATE, lambda: score(work, task.stage))
    others = {
        name: once(place, evaluated(name), partial(score, work, task.arms[name])) for name in arms
    }
    once(place, REPORT, lambda: _report(work, init, trained, scored, others, command))


def _report(
    work: Work[Task], init: str, trained: dict[str, Any], scored: dict[str, Any],
    others: dict[str, Any], command: str,
) -> dict[str, Any]:
    task, place, images = work.task, work.place, work.images
    finished = open_trained(work, task.stage)
    checkpoint = shlex.quote(str(place.run.path / task.stage.file))
    document = {
        "edgessl": __version__,
        "task": task.name,
        "name": f"{images.name} · {work.recipe.name}",
        "command": command,
        "verdict": compare(work, init, scored, others),
        **scored,
        **{f"scores_{name}": one["scores"] for name, one in others.items()},
        "data": {
            "source": images.source, "layout": images.layout, "fingerprint": images.fingerprint,
            "classes": list(images.classes),
            "images": {name: len(images.split(name)) for name in SPLITS},
            "left_out": [list(one) for one in images.left_out], "notes": list(images.notes),
        },
        "recipe": work.recipe.model_dump(mode="json"),
        "init": init,
        "model": network_facts(work.recipe.backbone.name, finished),
        "throughput": {
            "seconds": {name: one["seconds"] for name, one in trained.items()},
            **{key: trained[task.stage.name][key] for key in ("images_per_s", "data_share")},
        },
        "device": place.run.read()["device"],
        "next": f"edgessl export {checkpoint} --onnx --int8",
    }  # fmt: skip
    place.run.write_json("report.json", document)
    answers = answers_of_finished(task, finished, torch.device("cpu"))
    write_page(task, place.run.path, document, images.test, finished.square, answers)
    return {}


FACTORY = Story(prepare, "epochs", "epochs", fitted, _stages)
"""The story of detectors and segmenters for devices."""
