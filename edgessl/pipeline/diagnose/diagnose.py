"""The story of ``edgessl diagnose``: networks and images in, what their features are like out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edgessl.data.dataset import Dataset
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.diagnose.choice import UNTOLD, UNTOLD_SEVERAL, choose
from edgessl.diagnose.diagnosis import Baselines, Diagnosis, Examined
from edgessl.diagnose.judge import SEVERAL, UNLABELLED, in_short, judge
from edgessl.diagnose.look import localised
from edgessl.diagnose.neighbours import KNN_KS, ask_held_out, leave_one_out
from edgessl.diagnose.numbers import numbers_of
from edgessl.diagnose.outputs import SplitOutputs, outputs_of
from edgessl.diagnose.subject import Subject
from edgessl.errors import Refusals, UserError
from edgessl.files import expanded
from edgessl.metrics.interval import paired_difference
from edgessl.metrics.knn import thumbnail_5nn
from edgessl.metrics.majority import majority_of
from edgessl.metrics.topk import top1
from edgessl.pipeline.diagnose.diagnosed import cost_of, open_subjects
from edgessl.pipeline.diagnose.images import Images, images_of, seen_in_training
from edgessl.pipeline.diagnose.page import refuse_to_overwrite, write_page
from edgessl.pipeline.general import AsFeatures, is_general
from edgessl.pipeline.results import Run

IMAGES = 5000
"""Images of each split that are looked at, where the user names no number."""
VIEWED = 2000
"""Of these, images whose views are compared."""
_SMALL = Preprocess(64, 64)  # thumbnails need no more

Say = Callable[[str], None]
Network = str | Path | Run


def diagnose(
    networks: Iterable[Network] | Network,
    *,
    data: str | Path,
    out: str | Path | None = None,
    split: str = "val",
    images: int = IMAGES,
    ks: Sequence[int] = KNN_KS,
    device: str = "auto",
    reading: Reading = AS_FOUND,
    backbone: str | None = None,
    size: int | None = None,
    seed: int = 0,
    trust: bool = False,
    say: Say = lambda _line: None,
) -> Diagnosis:
    """Say what the features of networks are like on some images, without training anything.

    Args:
        networks: ``pretrained.pt`` or ``ckpt.pt``, any file that ``export`` wrote, a run, or
            general weights: ``imagenet:BACKBONE``, ``timm:NAME``, or a file of others. Of several
            it is said which to take.
        data: Images, with labels or without: a named set, a folder, or a CSV manifest.
        out: A folder for the page and the numbers; None for neither.
        split: What is held out: ``val``, or ``test`` where that is asked for.
        images: Images of each split that are looked at, at most: a larger one is sampled.
        ks: Numbers of neighbours that vote; 20 is always among them.
        device: Where a checkpoint runs: ``auto``, ``cpu``, ``cuda`` or ``mps``; an exported file
            runs on the CPU.
        reading: How ``data`` is to be read, where that is said.
        backbone: What a file of others holds; None to find out.
        size: Side of the images in px for general weights; None for 128.
        seed: Decides everything random.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Returns:
        ``.answer`` in sentences, ``.networks`` with their numbers, and everything as plain values
        by ``.to_dict()``.

    Raises:
        UserError: Something asked for does not exist or does not fit.

    Examples:
        >>> import edgessl
        >>> run = "runs/photos-mobilenetv2-dino"
        >>> found = edgessl.diagnose([f"{run}/pretrained.pt"], data="photos", images=12)
        >>> [numbers.split for numbers in found.networks[0].splits]
        ['train', 'val']
    """
    folder = None if out is None else expanded(out)
    _refuse(images, ks, seed, folder)
    asked = AsFeatures(backbone, size)
    subjects = open_subjects(_sources(networks), asked, device=device, trust=trust)
    say("checking images")
    looked = images_of(str(data), split, images, VIEWED, seed, reading, subjects)
    outputs = [
        [outputs_of(subject, one, seed, say) for one in looked.looked] for subject in subjects
    ]
    say("comparing features")
    examined = [
        _examine(subject, looked, of, ks, say, trust=trust)
        for subject, of in zip(subjects, outputs, strict=True)
    ]
    found = _told(looked, subjects, examined, _baselines(looked, examined), asked)
    if folder is None:
        return found
    page = write_page(folder, found, subjects, outputs, looked, seed, say)
    return replace(found, page=page)


def _refuse(images: int, ks: Sequence[int], seed: int, folder: Path | None) -> None:
    refusals = Refusals()
    with refusals:
        if images < 2:
            raise UserError(f"--images: must be at least 2, got {images}")
    with refusals:
        if wrong := [k for k in ks if k < 1]:
            raise UserError(f"--k: must be at least 1, got {wrong[0]}")
    with refusals:
        if seed < 0:
            raise UserError(f"--seed: must be at least 0, got {seed}")
    with refusals:
        if folder is not None:
            refuse_to_overwrite(folder)
    refusals.raise_all()


def _sources(networks: Iterable[Network] | Network) -> list[str]:
    if isinstance(networks, str | Path | Run):
        networks = (networks,)
    return [str(one.path) if isinstance(one, Run) else str(one) for one in networks]


def _examine(
    subject: Subject, looked: Images, outputs: Sequence[SplitOutputs], ks: Sequence[int], say: Say,
    *, trust: bool,
) -> Examined:  # fmt: skip
    train, classes = outputs[0], len(looked.classes)
    held_out = outputs[1] if len(outputs) > 1 else None
    params, macs = cost_of(subject, trust=trust)
    asked = None if looked.held_out is None else looked.held_out.split
    seen = seen_in_training(subject.source, subject.provenance, asked)
    notes = list(subject.notes)
    if seen and asked is not None:
        notes.append(
            f"{subject.name} was trained on {seen} of the {len(asked)} held out images, by "
            "content: its numbers there are too good for images it has not seen."
        )
    return Examined(
        name=subject.name, source=subject.source, gives=subject.gives, side_px=subject.side_px,
        params=params, macs=macs, splits=tuple(numbers_of(one) for one in outputs),
        held_out=None if held_out is None else ask_held_out(train, held_out, classes, ks),
        in_train=leave_one_out(train, classes, ks),
        localisation=localised(subject, train, outputs[-1], looked.classes, say),
        trained_on=seen,
        notes=tuple(notes),
    )  # fmt: skip


def _baselines(looked: Images, examined: Sequence[Examined]) -> Baselines | None:
    """Score raw pixels and the most frequent class on the held out images."""
    held, train, classes = looked.held_out, looked.train.split, looked.classes
    if held is None or held.split.labels is None or train.labels is None:
        return None
    small = replace(_SMALL, value_range=looked.dataset.value_range)
    pixels: list[NDArray[np.uint8]] = [
        decode_eval(split.paths, small, digests=split.digests) for split in (train, held.split)
    ]
    truth = torch.tensor(held.split.labels)
    found = thumbnail_5nn(pixels[0], torch.tensor(train.labels), pixels[1], len(classes))
    right = (found == truth).numpy()
    return Baselines(
        majority_of(held.split.labels, classes), top1(found, truth),
        {one.name: _against(one, right) for one in examined if one.held_out is not None},
    )  # fmt: skip


def _against(one: Examined, right: NDArray[np.bool_]) -> tuple[float, float, float]:
    own = one.held_out.right if one.held_out is not None else right
    gained, lost, n = int((own & ~right).sum()), int((right & ~own).sum()), len(right)
    return 100 * (gained - lost) / n, *paired_difference(gained, lost, n)


def _told(
    looked: Images, subjects: Sequence[Subject], examined: Sequence[Examined],
    baselines: Baselines | None, asked: AsFeatures,
) -> Diagnosis:  # fmt: skip
    dataset = looked.dataset
    against: Mapping[str, tuple[float, float, float]] = baselines.against if baselines else {}
    findings = {
        one.name: judge(
            one, looked.classes, against.get(one.name),
            SEVERAL if dataset.tags else UNLABELLED,
        )
        for one in examined
    }  # fmt: skip
    wrong = {
        name: [one.short for one in own if one.short] for name, own in findings.items()
    }
    choice = choose(
        examined, in_short(findings[examined[0].name]), wrong,
        UNTOLD_SEVERAL if dataset.tags else UNTOLD,
    )  # fmt: skip
    taken = next((one for one in subjects if one.name == choice.take), subjects[0])
    return Diagnosis(
        data=dataset.name, source=dataset.source, classes=looked.classes,
        held_out="" if looked.held_out is None else looked.held_out.name,
        networks=tuple(examined), baselines=baselines, findings=findings, choice=choice,
        next=_next(taken, dataset, asked), notes=looked.notes,
    )  # fmt: skip


def _next(taken: Subject, dataset: Dataset, asked: AsFeatures) -> tuple[str, ...]:
    data = shlex.quote(dataset.source)
    given = {"--backbone": asked.backbone, "--size": asked.image_px}
    options = "".join(
        f" {key} {shlex.quote(str(value))}" for key, value in given.items()
        if value is not None and is_general(taken.source)
    )  # fmt: skip
    if taken.backbone is None:
        return (f"edgessl bench {shlex.quote(taken.source)} --device cpu",)
    if not dataset.classes and not dataset.tags:
        return (f"edgessl pick {shlex.quote(taken.source)} --data {data} --count 100{options}",)
    if taken.classifier is not None and set(taken.classes) == set(dataset.classes):
        return (f"edgessl export {shlex.quote(taken.source)} --onnx",)
    return (f"edgessl finetune {shlex.quote(taken.source)} --data {data}{options}",)
