"""A network as a file of ``torch.export``, the way into converters that have torch as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgessl.artifact import Precision
from edgessl.export.core import Core
from edgessl.export.gates.delegated import check_delegated
from edgessl.export.gates.gate import Gate
from edgessl.export.targets.calibration import choose
from edgessl.export.targets.calibration import history_of as history_of_int8
from edgessl.export.targets.interface import Converted, Job
from edgessl.runtimes.converter import convert


def convert_program(
    job: Job, precision: Precision, *, environment: str, program: str, suffix: str
) -> Converted:
    """Hand a network to a converter, and take back the file that lost least on ``val``.

    The converter writes ``made.SUFFIX``; for int8 ``made.RULE.SUFFIX`` of every rule that it has,
    and what each answers to the images of the judge.

    Args:
        job: The network.
        precision: Of the weights, and for int8 of the activations.
        environment: A name in ``export/environments/``.
        program: The converter's file name in ``export/converters/``.
        suffix: Of the file that it makes.
    """
    asked = _hand_over(job, precision)
    found = convert(environment, program, asked, job.folder, job.say)
    history: dict[str, Any] = {"converted_with": found["versions"]}
    gates: list[Gate] = []
    if where := found.get("products"):
        gates.append(check_delegated(where["backend"], where["in"], where["out"], precision))
    if precision != "int8":
        made = (job.folder / f"made{suffix}").read_bytes()
        return Converted({suffix: made}, history, more_gates=lambda _path: tuple(gates))
    answers = {rule: np.load(job.folder / f"answers.{rule}.npy") for rule in found["rules"]}
    choice = choose(job.calibration, answers)
    made = (job.folder / f"made.{choice.name}{suffix}").read_bytes()
    gates.append(choice.gate)
    history["int8"] = history_of_int8(job.calibration, choice)
    return Converted({suffix: made}, history, more_gates=lambda _path: tuple(gates))


def save_program(core: Core, path: Path) -> None:
    """Write a network for one image, for runtimes of devices want fixed shapes.

    Args:
        core: The network.
        path: Where to, ``*.pt2``.
    """
    side = core.metadata.input_px
    with torch.no_grad():
        program = torch.export.export(core.network, (torch.zeros(1, 3, side, side),))
    torch.export.save(program, path)


def _hand_over(job: Job, precision: Precision) -> dict[str, Any]:
    path = job.folder / "network.pt2"
    if not path.is_file():  # made once for all precisions
        save_program(job.core, path)
    asked = {
        "program": path.name, "precision": precision, "side": job.core.metadata.input_px
    }
    if precision == "int8":
        np.save(job.folder / "images.npy", job.calibration.images)
        np.save(job.folder / "judged.npy", job.calibration.judged)
        asked |= {"images": "images.npy", "judged": "judged.npy"}
    return asked
