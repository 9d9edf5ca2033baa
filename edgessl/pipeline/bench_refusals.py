"""Files and options that a bench does not measure, told before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgessl.artifact.opened import NEEDS_TORCH, SUFFIXES
from edgessl.artifact.session import CPU
from edgessl.artifact.trust import read_trusted
from edgessl.bench.measure.opened import DEVICES, ONNX, TORCH
from edgessl.errors import UserError
from edgessl.pipeline.dense.files import is_dense


def refuse_wrong(
    models: Sequence[Path], threads: Sequence[int], batches: Sequence[int], *, profile: bool,
    trust: bool,
) -> None:
    """Refuse what cannot be measured, before anything is opened.

    Args:
        models: The files.
        threads: Numbers of threads; none for the device's own.
        batches: Images in a run.
        profile: Whether to look into operators.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.

    Raises:
        UserError: One line for each.
    """
    wrong = [line for path in models if (line := _wrong_model(path, trust=trust))]
    if not models:
        wrong.append("MODEL: must be at least one file, got none; pass model.onnx")
    elif profile and all(path.suffix.lower() not in ONNX for path in models):
        wrong.append("--profile: must have an ONNX file to look into, got none; add one")
    for option, values in (("--threads", threads), ("--batch", batches)):
        wrong += [
            f"{option}: must be whole numbers from 1, got {value}" for value in values if value < 1
        ]
    if wrong:
        raise UserError("\n".join(wrong))


def refuse_beside_onnx(
    models: Sequence[Path], batches: Sequence[int], *, provider: str, e2e: bool
) -> None:
    """Refuse what the runtimes of devices do not do here.

    Args:
        models: The files.
        batches: Images in a run.
        provider: What runs ONNX files.
        e2e: Whether to time from file to answer.

    Raises:
        UserError: One line for each.
    """
    own = [path for path in models if path.suffix.lower() in DEVICES]
    other = [str(batch) for batch in batches if batch != 1]
    wrong = []
    if own and provider != CPU:
        wrong.append(
            f"{own[0]}: must be timed on the CPU by its own runtime, got a device with "
            f"'{provider}'; use --device cpu"
        )
    if own and other:
        wrong.append(
            f"{own[0]}: its batch is fixed to 1, got --batch {','.join(other)}; pass --batch 1, "
            "or leave the file out"
        )
    dense = [path for path in models if e2e and is_dense(path)]
    if dense:
        wrong.append(
            f"{dense[0]}: must be left out of --e2e, which times classifiers; its run.py --time "
            "times a detector or a segmenter"
        )
    if own and e2e:
        wrong.append(
            f"{own[0]}: must be left out of --e2e, which times files of onnxruntime and PyTorch"
        )
    if wrong:
        raise UserError("\n".join(wrong))


def _wrong_model(path: Path, *, trust: bool) -> str:
    known = (*ONNX, *TORCH, *DEVICES)
    if path.suffix.lower() not in known:
        return (
            f"{path}: must end in {', '.join(known)}, got '{path.suffix}'; pass a "
            "file that `edgessl export` wrote, or a checkpoint"
        )
    if not path.is_file():
        return f"{path}: must be a model file, found none; check the path"
    if path.suffix == ".pt" and is_dense(path):
        return (
            f"{path}: must be an exported file of a detector or a segmenter, got its checkpoint; "
            "write one with `edgessl export`"
        )
    if SUFFIXES.get(path.suffix.lower()) in NEEDS_TORCH:
        try:
            read_trusted(path, trust=trust)
        except UserError as error:
            return str(error)
    return ""
