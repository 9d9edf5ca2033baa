"""Every file of an export through all of its gates: one by one, then all together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgessl.artifact import open_artifact
from edgessl.artifact.metadata import KEY
from edgessl.errors import UserError
from edgessl.export.candidate import Candidate
from edgessl.export.core import Core
from edgessl.export.gates.accuracy import answers_of, check_accuracy
from edgessl.export.gates.all_gates import (
    check_answers,
    check_file,
    needs_torch,
    sample_input,
)
from edgessl.export.gates.gate import Gate
from edgessl.export.gates.without_torch import check_without_torch

_BROKEN = "an earlier gate failed"


def prove(core: Core, candidates: Sequence[Candidate], say: Callable[[str], None]) -> None:
    """Add the outcome of every gate to the files it was tried on.

    Args:
        core: The export.
        candidates: The written files; changed in place.
        say: Called with the name of each step.
    """
    for candidate in candidates:
        say(f"checking {candidate.product.name} against the checkpoint")
        _check(core, candidate)
    opened = [candidate for candidate in candidates if candidate.artifact is not None]
    say("measuring the accuracy of every file on the test images")
    _check_accuracy(core, opened)
    say("running every file in a process without torch")
    _check_without_torch(core, opened)


def _check(core: Core, candidate: Candidate) -> None:
    product = candidate.product
    structure = check_file(core, product, candidate.path)
    candidate.gates.append(structure)
    if structure.status == "fail":  # it may not even open
        return
    try:
        candidate.artifact = open_artifact(candidate.path)
    except UserError as error:  # its metadata are damaged, or a runtime refuses it
        candidate.gates.append(Gate("labels", "fail", str(error)))
        return
    candidate.gates += check_answers(core, product, candidate.artifact, candidate.metadata)


def _check_accuracy(core: Core, opened: Sequence[Candidate]) -> None:
    """Run what is whole over the test images, all files on each image while it is decoded."""
    running = []
    for candidate in opened:
        if core.test.missing or candidate.broken:
            candidate.gates.append(Gate("accuracy", "skip", core.test.missing or _BROKEN))
        else:
            running.append(candidate)
    if not running:
        return
    artifacts = [candidate.artifact for candidate in running if candidate.artifact is not None]
    answers = answers_of(core.test, core.preprocess, core.reference, artifacts)
    for candidate, got in zip(running, answers.files, strict=True):
        limit = core.target.max_drop_percent
        if candidate.product.precision == "int8":
            limit = core.target.int8_max_drop_percent
        candidate.gates.append(
            check_accuracy(
                answers.labels, answers.checkpoint, got, max_drop_percent=limit,
                changed=core.test.changed,
            )
        )


def _check_without_torch(core: Core, opened: Sequence[Candidate]) -> None:
    vectors = {}
    for candidate in opened:
        if needs_torch(candidate.product):
            reason = f"a .{candidate.product.format} file is for PyTorch"
            candidate.gates.append(Gate("without torch", "skip", reason))
        elif candidate.broken:
            candidate.gates.append(Gate("without torch", "skip", _BROKEN))
        elif candidate.artifact is not None:
            image = sample_input(core, candidate.product)
            vectors[candidate.path] = (image, candidate.artifact.run(image))
    gates = check_without_torch(vectors, KEY)
    for candidate in opened:
        if candidate.path in gates:
            candidate.gates.append(gates[candidate.path])
