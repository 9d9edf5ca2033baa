"""int8 by a runtime's own converter: our images in, candidates out, and ``val`` chooses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.data.preprocess import decode_eval
from edgessl.export.core import Core
from edgessl.export.gates.gate import Gate
from edgessl.export.int8.images import Chosen, calibration_set, judging_set, training_data
from edgessl.export.int8.make import judge_on, loss_of
from edgessl.export.int8.search import Judge, lost_percent

SEED = 0
"""Of the images drawn: those of ``--int8``."""


@dataclass(frozen=True)
class Calibration:
    """The images that int8 files of converters are made and chosen on, as for ``--int8``.

    Attributes:
        core: The network.
        calibrated_on: Training images that ranges are taken from.
        judged_on: Images of ``val`` that candidates are compared on.
        judge: Marks their answers.
    """

    core: Core
    calibrated_on: Chosen
    judged_on: Chosen
    judge: Judge

    @cached_property
    def images(self) -> NDArray[np.float32]:
        """The calibration images, normalised ``(N, 3, S, S)``."""
        chosen, preprocess = self.calibrated_on, self.core.preprocess
        return preprocess.normalise(decode_eval(chosen.paths, preprocess, digests=chosen.digests))

    @cached_property
    def judged(self) -> NDArray[np.float32]:
        """The images of the judge, normalised ``(N, 3, S, S)``."""
        return self.judge.normalise(self.judge.pixels)


@dataclass(frozen=True)
class Choice:
    """The candidate that stays closest to the checkpoint on ``val``, the first of equals.

    Attributes:
        name: Of the rule that it was made with.
        changed_percent: Images whose mark each candidate changes, to worse or to better, by name.
        lost_percent: Points that each candidate lost against the checkpoint, by name.
        gate: What the chosen one lost, with its interval.
    """

    name: str
    changed_percent: Mapping[str, float]
    lost_percent: Mapping[str, float]
    gate: Gate


def read_calibration(core: Core, data: str | None) -> Calibration:
    """Find the images.

    Args:
        core: The network.
        data: Data set to use; None for the checkpoint's own.

    Raises:
        UserError: The data is not to be had.
    """
    classes = core.metadata.classes
    dataset = training_data(core.provenance, classes, data)
    calibrated_on = calibration_set(dataset, SEED)
    judged_on = judging_set(dataset, classes, calibrated_on, SEED)
    judge = judge_on(
        core.graph, judged_on, core.preprocess, classifies=bool(classes),
        levels=core.metadata.levels,
    )  # fmt: skip
    return Calibration(core, calibrated_on, judged_on, judge)


def choose(
    calibration: Calibration, answers: Mapping[str, NDArray[np.float32]]
) -> Choice:
    """Choose among candidates by their answers: the one that changes fewest.

    Points lost are a difference of flips to worse and to better, which chance decides where many
    answers flip: of two files with 5.2 and 3.6 % of changed marks, the first won that way by 0.8
    points on val, and lost on test (bench/LOG.md).

    Args:
        calibration: What they were made and run on.
        answers: Of each candidate, to ``calibration.judged``, ``(N, K)``, by name, the preferred
            one first.
    """
    judge, core = calibration.judge, calibration.core
    reference = judge.marks(judge.expected)
    marks = {name: judge.marks(outputs) for name, outputs in answers.items()}
    lost = {name: lost_percent(reference, mark)[0] for name, mark in marks.items()}
    changed = {
        name: 100 * float(np.abs(mark - reference).mean()) for name, mark in marks.items()
    }
    best = min(lost, key=lambda name: (changed[name], lost[name]))
    gate = loss_of(
        judge, marks[best], max_drop_percent=core.target.int8_max_drop_percent,
        tested=bool(core.metadata.classes) and not core.test.missing,
    )  # fmt: skip
    return Choice(best, changed, lost, gate)


def history_of(calibration: Calibration, choice: Choice) -> dict[str, Any]:
    """Return how an int8 file came to be, as plain values.

    Args:
        calibration: Its images.
        choice: Which candidate it is.
    """
    tried = [
        {
            "scheme": name, "lost_percent": round(lost, 3),
            "changed_percent": round(choice.changed_percent[name], 3),
        }
        for name, lost in choice.lost_percent.items()
    ]
    return {
        "scheme": f"weights per channel, {choice.name} ranges", "activations": "int8",
        "tried": tried, "calibrated_on": calibration.calibrated_on.provenance(),
        "chosen_on": calibration.judge.what,
        "chosen_on_images": calibration.judged_on.provenance(),
    }  # fmt: skip
