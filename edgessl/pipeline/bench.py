"""Latency of ONNX files on one device, with everything needed to read the numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgessl.artifact.cores import usable_cores
from edgessl.bench.describe import describe_device
from edgessl.bench.device_table import read_device
from edgessl.bench.latency import MIN_RUNS_P90, MIN_RUNS_P99
from edgessl.bench.measure import measure
from edgessl.errors import UserError

IDLE_SHARE = 0.6  # of the threads; below it fewer threads may be as fast
NOISY_PERCENT = 30.0  # spread of the middle half from which numbers should not be compared


def bench_models(
    paths: Sequence[Path],
    *,
    device_name: str = "cpu",
    threads: Sequence[int] = (),
    batches: Sequence[int] = (1,),
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Measure every model on every number of threads and every batch size.

    Args:
        paths: ONNX files.
        device_name: A name in ``bench/devices/``, or a TOML file.
        threads: Numbers of threads; none for the device's own.
        batches: Images in a run.
        say: Called with the name of each step.

    Returns:
        ``{"device": ..., "models": [...]}`` in plain values, one entry for each combination.

    Raises:
        UserError: A file, device, thread or batch number cannot be used.
    """
    device = read_device(device_name)
    _refuse(paths, threads, batches)
    files = [_file(path) for path in paths]
    host = {"name": device_name, "provider": device.provider, **describe_device()}
    models = []
    for count in threads or (device.threads or usable_cores(),):
        for batch in batches:
            measured = measure(paths, device, threads=count, batch=batch, say=say)
            models += [
                {**file, **values, "notes": _notes(values)}
                for file, values in zip(files, measured, strict=True)
            ]
    return {"device": host, "models": models}


def _refuse(paths: Sequence[Path], threads: Sequence[int], batches: Sequence[int]) -> None:
    mistakes = [
        f"{path}: must be an ONNX file, found none; check the path"
        for path in paths
        if not path.is_file()
    ]
    for option, values in (("--threads", threads), ("--batch", batches)):
        mistakes += [
            f"{option}: must be whole numbers from 1, got {value}" for value in values if value < 1
        ]
    if mistakes:
        raise UserError("\n".join(mistakes))


def _file(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "path": str(path),
        "name": path.name,
        "size_mb": len(content) / 1e6,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _notes(values: dict[str, Any]) -> list[str]:
    """Say what a reader of the numbers must know."""
    notes = []
    if values["p90_ms"] is None:
        notes.append(f"p90 needs {MIN_RUNS_P90} runs, got {values['runs']}")
    if values["p99_ms"] is None:
        notes.append(f"p99 needs {MIN_RUNS_P99} runs, got {values['runs']}")
    if not values["warmup_stable"]:
        notes.append("latency was still moving after warm-up")
    if values["iqr_percent"] > NOISY_PERCENT:
        notes.append(f"busy machine: the middle half spreads over {values['iqr_percent']:.0f} %")
    obtained = values["cores_obtained"]
    if values["threads"] > 1 and obtained < IDLE_SHARE * values["threads"]:
        notes.append(f"{values['threads']} threads kept only {obtained:.2f} cores busy")
    if values["threads"] > usable_cores():
        notes.append(f"{values['threads']} threads on {usable_cores()} usable core(s)")
    return notes
