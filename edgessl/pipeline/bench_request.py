"""What ``edgessl bench`` is asked for, and what of it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgessl.bench.measure.opened import ONNX, TORCH
from edgessl.errors import UserError


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure, and where.

    Attributes:
        models: ONNX or ORT files, TorchScript, ``torch.export`` programs, checkpoints.
        device: A name in ``bench/devices/``, or a TOML file.
        threads: Numbers of threads; none for the device's own.
        batches: Images in a run.
        profile: The operators that the time goes to.
        images: A file or folder of images for the time from file to answer.
        sustained_s: Seconds to run without a pause; 0 for none.
        baseline: What was measured before.
        fail_slower_percent: Percent by which a model may be slower than that.
        imported: What was measured on other devices.
    """

    models: tuple[Path, ...]
    device: str = "cpu"
    threads: tuple[int, ...] = ()
    batches: tuple[int, ...] = (1,)
    profile: bool = False
    images: Path | None = None
    sustained_s: float = 0.0
    baseline: Path | None = None
    fail_slower_percent: float = 10.0
    imported: tuple[Path, ...] = ()


def refuse_wrong(request: Request) -> None:
    """Check a request before anything is opened.

    Args:
        request: What was asked for.

    Raises:
        UserError: One line for each thing that cannot be.
    """
    wrong = [line for path in request.models if (line := _wrong_model(path))]
    if not request.models:
        wrong.append("MODEL: must be at least one file, got none; pass model.onnx")
    elif request.profile and all(path.suffix.lower() in TORCH for path in request.models):
        wrong.append("--profile: must have an ONNX file to look into, got none; add one")
    for option, values in (("--threads", request.threads), ("--batch", request.batches)):
        wrong += [
            f"{option}: must be whole numbers from 1, got {value}" for value in values if value < 1
        ]
    if wrong:
        raise UserError("\n".join(wrong))


def _wrong_model(path: Path) -> str:
    if path.suffix.lower() not in (*ONNX, *TORCH):
        return (
            f"{path}: must end in {', '.join((*ONNX, *TORCH))}, got '{path.suffix}'; pass a "
            "file that `edgessl export` wrote, or a checkpoint"
        )
    if not path.is_file():
        return f"{path}: must be a model file, found none; check the path"
    return ""
