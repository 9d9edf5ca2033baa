"""What ``report.json`` says of the arms of a run, beside their scores."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from math import ceil
from typing import Any

from edgessl.data.reading import Reading
from edgessl.metrics.right_answers import difference_of
from edgessl.pipeline.finetune.finetuning import baseline_epochs
from edgessl.pipeline.score.scores_several import several_difference
from edgessl.recipe.backbones import BACKBONES
from edgessl.runs.stages import BASELINES, FINETUNE, FROM_WEIGHTS, WHOLE_TIME
from edgessl.start.source import as_tensorflow_pads
from edgessl.train.place.context import Context

OURS = "ours"


def compare_arms(context: Context, right: Mapping[str, str], init: str) -> dict[str, Any]:
    """Compare every baseline with ours on the same test images.

    Args:
        context: The run.
        right: Which test images each baseline gets right, as ``pack_right`` wrote it, by its name;
            empty, or missing of ``ours``, in a run of an older edgessl.
        init: ``--init``.

    Returns:
        By arm: ``epochs`` of fine-tuning, the warm-up of a regrown last stage counted;
        ``checkpoint`` in the run folder; of a baseline the ``difference`` of ours minus its top-1
        (mAP where images may have several labels) in points, ``{value, low, high, n}``, and the
        ``command`` that trains the same without the
        rest of the run, where there is one.
    """
    same, n = baseline_epochs(context), len(context.dataset.test)
    arms: dict[str, Any] = {OURS: {"epochs": same, "checkpoint": FINETUNE.file}}
    for name, stage in BASELINES.items():
        if name not in right:
            continue
        epochs = int(context.run.read()["longer_epochs"]) if name in WHOLE_TIME else same
        arms[name] = {"epochs": epochs, "checkpoint": stage.file}
        if right.get(OURS) and len(right[name]) == len(right[OURS]) == 2 * ceil(n / 8):
            arms[name]["difference"] = difference_of(right[OURS], right[name], n)
        if context.dataset.tags and (found := several_difference(context, stage)):
            arms[name]["difference"] = found
        if name in FROM_WEIGHTS:
            arms[name]["command"] = _command(context, init, epochs)
    return arms


def _command(context: Context, init: str, epochs: int) -> str:
    """Return what to type to fine-tune the weights directly, as this arm did."""
    known = context.run.read()["provenance"]
    start = f"imagenet:{_own_name(context.recipe.backbone.name)}" if init == "imagenet" else init
    words = ["edgessl", "finetune", start, "--data", known.get("labels") or known["data"]]
    if known.get("label_percent") is not None:
        words += ["--label-percent", f"{known['label_percent']:g}"]
    if known.get("labels_per_class") is not None:
        words += ["--labels-per-class", str(known["labels_per_class"])]
    words += ["--seed", str(known["seed"])] if known.get("seed") else []
    words += shlex.split(Reading.from_dict(known).options())
    words += ["--recipe", str(context.run.path / "recipe.toml"), "--epochs", str(epochs)]
    return shlex.join(words)


def _own_name(backbone: str) -> str:
    """Return the name that edgessl has for a network, if it is one but for its padding."""
    return next((name for name in BACKBONES if as_tensorflow_pads(name) == backbone), backbone)
