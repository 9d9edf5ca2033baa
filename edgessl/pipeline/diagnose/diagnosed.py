"""The networks that ``edgessl diagnose`` is given: whatever edgessl opens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgessl import checkpoint
from edgessl.artifact import open_artifact
from edgessl.artifact.opened import SUFFIXES
from edgessl.backbones import deployable_from
from edgessl.bench.compare.names import told_apart
from edgessl.device import pick_device
from edgessl.diagnose.subject import Subject, stem_of, subject_of, subject_of_file
from edgessl.errors import Refusals, UserError
from edgessl.files import expanded
from edgessl.metrics.cost import macs, params
from edgessl.pipeline.general import AsFeatures, is_general, open_general
from edgessl.pipeline.profile import profile_subject
from edgessl.start.source import is_named

_OF_RUN = ("pretrained.pt", "ckpt.pt")
Cost = tuple[float | None, float | None]


def open_subjects(
    sources: Sequence[str], asked: AsFeatures, *, device: str, trust: bool
) -> list[Subject]:
    """Open networks, and tell all that cannot be opened at once.

    Args:
        sources: Checkpoints, run folders (of which the pretrained network is taken), exported
            files, or general weights.
        asked: How general weights are opened.
        device: One of ``device.NAMES``; an exported file runs on the CPU.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.

    Raises:
        UserError: One line for each that is none of these.
    """
    if not sources:
        raise UserError("CKPT: must be at least one network, got none")
    place = pick_device(device)
    refusals = Refusals()
    files: list[str] = []
    for source in sources:
        with refusals:
            files.append(_file_of(source))
    refusals.raise_all()
    files = [*dict.fromkeys(files)]
    if not any(is_general(file) for file in files):
        asked.refuse_given(files[0])
    names = told_apart([(file, stem_of(file)) for file in files])
    subjects: list[Subject] = []
    for file in files:
        with refusals:
            subjects.append(_open(file, names[file], asked, place, trust=trust))
    refusals.raise_all()
    return subjects


def _file_of(source: str) -> str:
    path = expanded(source)
    if is_named(source) or not path.is_dir():
        return source if is_named(source) else str(path)
    for name in _OF_RUN:
        if (path / name).is_file():
            return str(path / name)
    raise UserError(
        f"{source}: must be a run folder with {' or '.join(_OF_RUN)}, found neither; pass the "
        "folder that `edgessl recipe` wrote, a checkpoint or an exported file"
    )


def _open(source: str, name: str, asked: AsFeatures, device: str, *, trust: bool) -> Subject:
    path = Path(source)
    if path.suffix.lower() in SUFFIXES:
        return subject_of_file(open_artifact(path, trust=trust), name, source)
    if is_general(source):
        found = open_general(source, asked)
        deployable = deployable_from(found.payload, source)
        return subject_of(
            deployable, name, source, device=device, notes=tuple(found.start.sentences)
        )
    return subject_of(
        deployable_from(checkpoint.load(path), source), name, source, device=device
    )


def cost_of(subject: Subject, *, trust: bool) -> Cost:
    """Count the parameters and the multiply-accumulates of a network.

    Args:
        subject: The network.
        trust: As for opening it.
    """
    if subject.backbone is not None:
        backbone = subject.backbone
        return float(params(backbone)), float(macs(backbone, subject.side_px))
    found = profile_subject(subject.source, trust=trust)
    return found["params"], found["macs"]
