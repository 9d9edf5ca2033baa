"""How long graphs take on this machine, for a choice among them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgessl.artifact.session import CPU
from edgessl.bench.compare.ratio import ratio_of_turns
from edgessl.bench.measure.device import Device
from edgessl.bench.measure.in_turns import measure
from edgessl.export.int8.search import Timed

TIMING = Device(
    provider=CPU, threads=1, launches=4, min_runs=80, min_seconds=1.0, max_seconds=8.0
)
"""Enough for a median of each candidate; `edgessl bench` measures the files properly. Half of the
launches start backwards, for the process that starts first stays the slowest (bench/LOG.md)."""


def time_models(models: Sequence[Any]) -> list[Timed]:
    """Time graphs on one thread of this machine, in turns, each in its own process.

    Args:
        models: ``onnx.ModelProto`` objects.

    Returns:
        The latency of one image, each beside the first model's.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.onnx" for number in range(len(models))]
        for path, model in zip(paths, models, strict=True):
            onnx.save(model, str(path))
        rows = measure(paths, TIMING, threads=1, batch=1)
    return [_beside(rows[0], row) for row in rows]


def _beside(first: Mapping[str, Any], row: Mapping[str, Any]) -> Timed:
    speedup = ratio_of_turns(first["samples_ms"], row["samples_ms"])
    return Timed(float(row["p50_ms"]), speedup.ratio, speedup.low, speedup.high)
