"""The confidence below which an exported classifier answers "none of these"."""

from __future__ import annotations

from dataclasses import replace
from math import floor

import numpy as np

from edgessl.data.preprocess import decode_eval
from edgessl.errors import UserError
from edgessl.export.core import Core
from edgessl.export.gates.accuracy import CHUNK
from edgessl.export.gates.certainty import confidences
from edgessl.export.labelled_val import labelled_val
from edgessl.metrics.answered import confidence_below, score_answered

_WAY_OUT = "pass --data with labelled val images, or leave --reject out"


def with_rejection(core: Core, percent: float, data: str | None) -> Core:
    """Return an export whose files do not answer where they are least sure.

    The threshold is the confidence that ``percent`` of the answers on ``val`` stay under: images
    like those of ``val`` are refused about that often, images of other things more often.

    Args:
        core: The export.
        percent: Share of the answers to refuse, in (0, 100).
        data: Data set whose ``val`` to choose on; None for the checkpoint's own.

    Raises:
        UserError: There is nothing to choose on, or the network has no classes.
    """
    _refuse_misfits(core)
    if not 0 < percent < 100:
        raise UserError(f"--reject: must be above 0 and below 100 percent, got {percent:g}")
    val = labelled_val(core, data, option="--reject", way_out=_WAY_OUT)
    if len(val) * percent < 100:
        raise UserError(
            f"--reject: must be at least {100 / len(val):.2g} % with the {len(val)} images of val, "
            f"so that one of them is refused, got {percent:g} %; {_WAY_OUT}"
        )
    pixels = decode_eval(val.paths, core.preprocess, digests=val.digests or None)
    outputs = np.concatenate([
        core.reference(core.preprocess.normalise(pixels[i : i + CHUNK]))
        for i in range(0, len(pixels), CHUNK)
    ])  # fmt: skip
    sure = confidences(outputs, probabilities=core.metadata.head == "probs")
    below = max(1e-4, floor(1e4 * confidence_below(sure, percent)) / 1e4)
    answered = score_answered(sure, outputs.argmax(axis=1) == np.asarray(val.labels), below)
    history = {"percent": percent, "below": below, "chosen_on": f"{len(val)} val images",
               "val": answered.to_dict()}  # fmt: skip
    provenance = {**core.metadata.provenance, "reject": history}
    metadata = replace(core.metadata, reject_below=below, provenance=provenance)
    return replace(core, metadata=metadata)


def with_threshold(core: Core, below: float) -> Core:
    """Return an export whose files do not answer below a probability.

    Args:
        core: The export.
        below: Probability of the likeliest class; it has to be above what that class has at least.

    Raises:
        UserError: It would refuse all or nothing, or the network has no classes.
    """
    _refuse_misfits(core)
    least = 1 / len(core.metadata.classes)
    if not least < below < 1:
        raise UserError(
            f"--reject: must be a probability above {least:.2g}, which the likeliest of "
            f"{len(core.metadata.classes)} classes has at least, and below 1, got {below:g}; or a "
            "share of val, as 5%"
        )
    provenance = {**core.metadata.provenance, "reject": {"below": below}}
    return replace(core, metadata=replace(core.metadata, reject_below=below, provenance=provenance))


def _refuse_misfits(core: Core) -> None:
    if not core.metadata.classes:
        raise UserError(
            "--reject: must come with a classifier, got a network that gives features; leave it out"
        )
    if core.metadata.thresholds:
        raise UserError(
            "--reject: must come with classes of which an image has one, got a classifier of "
            "several labels an image, whose classes have thresholds of their own; leave it out"
        )
