"""Latency of models on one device, with everything needed to read the numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgessl import __version__
from edgessl.artifact.cores import usable_cores
from edgessl.artifact.session import CPU
from edgessl.bench.baseline import compare, read_document, refuse_other_device, refuse_unknown
from edgessl.bench.describe import describe_device
from edgessl.bench.device_table import Device, read_device
from edgessl.bench.measure import measure_with_control
from edgessl.bench.noise import Noise
from edgessl.bench.opened import ONNX, TORCH, How
from edgessl.bench.process import Worker
from edgessl.bench.ratio import ratio_of_turns
from edgessl.bench.sustained import sustain
from edgessl.errors import UserError
from edgessl.pipeline.bench_end_to_end import end_to_end, find_images
from edgessl.pipeline.bench_words import accuracy, notes

SCHEMA = 1
PROFILE_RUNS = 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure besides latency.

    Attributes:
        profile: The operators that the time goes to.
        images: A file or folder of images for the time from file to answer.
        sustained_s: Seconds to run without a pause; 0 for none.
        baseline: What was measured before.
        fail_slower_percent: Percent by which a model may be slower than that.
    """

    profile: bool = False
    images: Path | None = None
    sustained_s: float = 0.0
    baseline: Path | None = None
    fail_slower_percent: float = 10.0


def bench_models(
    paths: Sequence[Path],
    *,
    device_name: str = "cpu",
    threads: Sequence[int] = (),
    batches: Sequence[int] = (1,),
    asked: Asked | None = None,
    say: Say = lambda _line: None,
) -> dict[str, Any]:
    """Measure every model on every number of threads and every batch size.

    Args:
        paths: ONNX or ORT files, TorchScript, ``torch.export`` programs, checkpoints.
        device_name: A name in ``bench/devices/``, or a TOML file.
        threads: Numbers of threads; none for the device's own.
        batches: Images in a run.
        asked: What to measure besides.
        say: Called with the name of each step.

    Returns:
        Plain values: ``device``, one entry for each combination in ``models``, ``conditions`` with
        the noise of each number of threads and batch, ``comparisons`` with the first model, and
        ``operators``, ``end_to_end``, ``sustained``, ``baseline`` where asked for.

    Raises:
        UserError: A file, device, thread or batch number cannot be used.
    """
    asked = asked or Asked()
    device = read_device(device_name)
    _refuse(paths, threads, batches, asked)
    images = find_images(asked.images)
    counts = tuple(threads) or (device.threads or usable_cores(),)
    host = {"name": device_name, "provider": device.provider, **describe_device()}
    cells = [(path.name, count, batch) for path in paths for count in counts for batch in batches]
    baseline = _baseline(asked, host, cells)
    files = [_file(path) for path in paths]
    placed = _placed(paths, device, counts[0], batches[0]) if device.provider != CPU else None
    document: dict[str, Any] = {
        "schema": SCHEMA, "edgessl": __version__,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"), "device": host,
        "protocol": device.model_dump(), "models": [], "conditions": [], "comparisons": [],
    }  # fmt: skip
    for count in counts:
        for batch in batches:
            _measure_cell(document, files, paths, device, count, batch, placed, say)
    first = {"threads": counts[0], "batch": batches[0]}
    how = How(counts[0], 1, device.provider, device.options)
    if asked.profile:
        document["operators"] = [
            _operators(path, how, say) for path in paths if path.suffix.lower() not in TORCH
        ]
    if images:
        document["end_to_end"] = end_to_end(paths, how, images, say)
    if asked.sustained_s:
        document["sustained"] = [
            sustain(path, device, **first, seconds=asked.sustained_s, say=say) for path in paths
        ]
    if baseline is not None:
        document["baseline"] = compare(document, baseline, asked.fail_slower_percent)
    return document


def _measure_cell(
    document: dict[str, Any], files: Sequence[dict[str, Any]], paths: Sequence[Path],
    device: Device, threads: int, batch: int, placed: list[dict[str, int]] | None, say: Say,
) -> None:  # fmt: skip
    """Measure all models at one number of threads and batch, and compare them with the first."""
    measured = measure_with_control(paths, device, threads=threads, batch=batch, say=say)
    cell = {"threads": threads, "batch": batch}
    document["conditions"].append({**cell, "noise": measured.noise.to_dict()})
    for index, (file, values) in enumerate(zip(files, measured.models, strict=True)):
        metadata = values.pop("metadata")
        entry = {**file, **values, **accuracy(metadata, file["path"])}
        if placed is not None:
            entry["nodes_by_provider"] = placed[index]
        entry["notes"] = notes(entry, device.provider)
        document["models"].append(entry)
    base = measured.models[0]["samples_ms"]
    for file, values in zip(files[1:], measured.models[1:], strict=True):
        ratio = ratio_of_turns(values["samples_ms"], base).widened(_control(measured.noise))
        document["comparisons"].append(
            {**cell, "path": file["path"], "name": file["name"], "base": files[0]["name"],
             "base_path": files[0]["path"], **ratio.to_dict(),
             "comparable": measured.noise.grade != "C"}
        )  # fmt: skip


def _control(noise: Noise) -> float:
    return 1.0 if noise.control is None else noise.control.ratio


def _refuse(
    paths: Sequence[Path], threads: Sequence[int], batches: Sequence[int], asked: Asked
) -> None:
    mistakes = []
    for path in paths:
        if path.suffix.lower() not in (*ONNX, *TORCH):
            mistakes.append(
                f"{path}: must end in {', '.join((*ONNX, *TORCH))}, got '{path.suffix}'; pass a "
                "file that `edgessl export` wrote, or a checkpoint"
            )
        elif not path.is_file():
            mistakes.append(f"{path}: must be a model file, found none; check the path")
    if not paths:
        mistakes.append("MODEL: must be at least one file, got none; pass model.onnx")
    if asked.profile and all(path.suffix.lower() in TORCH for path in paths):
        mistakes.append("--profile: must have an ONNX file to look into, got none; add one")
    for option, values in (("--threads", threads), ("--batch", batches)):
        mistakes += [
            f"{option}: must be whole numbers from 1, got {value}" for value in values if value < 1
        ]
    if mistakes:
        raise UserError("\n".join(mistakes))


def _baseline(
    asked: Asked, host: dict[str, Any], cells: Sequence[tuple[str, int, int]]
) -> dict[str, Any] | None:
    if asked.baseline is None:
        return None
    document = read_document(asked.baseline)
    refuse_other_device(document, host, str(asked.baseline))
    refuse_unknown(document, cells, str(asked.baseline))
    return document


def _file(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "path": str(path),
        "name": path.name,
        "size_mb": len(content) / 1e6,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _placed(
    paths: Sequence[Path], device: Device, threads: int, batch: int
) -> list[dict[str, int]]:
    """Count the nodes that each provider runs, and refuse a device that runs none of them."""
    placed = []
    for path in paths:
        with Worker(path, How(threads, batch, device.provider, device.options)) as worker:
            counts: dict[str, int] = worker.profile(1)["nodes_by_provider"]
        if not counts.get(device.provider):
            raise UserError(
                f"{path}: must have operators that {device.provider} runs, got none: all fell back "
                "on the CPU; pass model.batch1.onnx (`edgessl export`), or use --device cpu"
            )
        placed.append(counts)
    return placed


def _operators(path: Path, how: How, say: Say) -> dict[str, Any]:
    say(f"{path.name}: operators")
    with Worker(path, how) as worker:
        return {"path": str(path), "name": path.name, **worker.profile(PROFILE_RUNS)}
