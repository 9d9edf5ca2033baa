"""Latency of models on one device, with everything needed to read the numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgessl import __version__
from edgessl.artifact.cores import usable_cores
from edgessl.artifact.session import CPU
from edgessl.bench.compare.baseline import compare, refuse_other_device, refuse_unknown
from edgessl.bench.compare.comparisons import compare_with_first
from edgessl.bench.compare.document import read_document
from edgessl.bench.compare.names import with_names
from edgessl.bench.measure.describe import describe_device
from edgessl.bench.measure.device_table import Device, read_device
from edgessl.bench.measure.in_turns import measure_with_control
from edgessl.bench.measure.inputs import refuse_wrong_inputs
from edgessl.bench.measure.opened import TORCH, How
from edgessl.bench.measure.process import Worker
from edgessl.bench.measure.sustained import sustain
from edgessl.bench.page.words import accuracy, notes
from edgessl.errors import UserError
from edgessl.pipeline.bench_end_to_end import end_to_end, find_images
from edgessl.pipeline.bench_import import import_documents, only_imported
from edgessl.pipeline.bench_request import Request, refuse_wrong

SCHEMA = 1
PROFILE_RUNS = 20

Say = Callable[[str], None]
Part = dict[str, list[dict[str, Any]]]


def bench_models(request: Request, say: Say = lambda _line: None) -> dict[str, Any]:
    """Measure every model on every number of threads and every batch size.

    Args:
        request: What to measure, and where.
        say: Called with the name of each step.

    Returns:
        Plain values: ``device``, one entry for each combination in ``models``, ``conditions`` with
        the noise of each number of threads and batch, ``comparisons`` with the first model, and
        ``operators``, ``end_to_end``, ``sustained``, ``baseline``, ``imported`` where asked for.
        Without models, what was imported.

    Raises:
        UserError: A file, device, thread or batch number cannot be used.
    """
    if request.imported and not request.models:
        return only_imported(request.imported)
    device = read_device(request.device)
    refuse_wrong(request)
    onnx = [path for path in request.models if path.suffix.lower() not in TORCH]
    refuse_wrong_inputs(onnx, request.batches, one_image=request.images is not None,
                        provider=device.provider)  # fmt: skip
    images, others = find_images(request.images), import_documents(request.imported)
    threads = request.threads or (device.threads or usable_cores(),)
    host = {"name": request.device, "provider": device.provider, **describe_device()}
    cells = [(count, batch) for count in threads for batch in request.batches]
    baseline = _baseline(request, host, cells)
    how = How(*cells[0], device.provider, device.options)
    files = [_file(path, how) for path in request.models]
    document: dict[str, Any] = {
        "schema": SCHEMA, "edgessl": __version__,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"), "device": host,
        "protocol": device.model_dump(), "models": [], "conditions": [], "comparisons": [],
    }  # fmt: skip
    if images:  # before the rest: it refuses models that do not say their preprocessing
        document["end_to_end"] = end_to_end(request.models, replace(how, batch=1), images, say)
    for count, batch in cells:
        for key, rows in _measure_cell(files, device, count, batch, say).items():
            document[key] += rows
    if request.profile:
        document["operators"] = [_operators(path, how, say) for path in onnx]
    if request.sustained_s:
        document["sustained"] = [
            sustain(path, device, threads=how.threads, batch=how.batch,
                    seconds=request.sustained_s, say=say) for path in request.models
        ]  # fmt: skip
    document = with_names(document)
    if baseline is not None:
        document["baseline"] = compare(document, baseline, request.fail_slower_percent)
    if others:
        document["imported"] = others
    return document


def _measure_cell(
    files: Sequence[dict[str, Any]], device: Device, threads: int, batch: int, say: Say
) -> Part:
    """Measure all models at one number of threads and batch, and compare them with the first."""
    paths = [Path(file["path"]) for file in files]
    measured = measure_with_control(paths, device, threads=threads, batch=batch, say=say)
    entries = []
    for file, values in zip(files, measured.models, strict=True):
        metadata = values.pop("metadata")
        entry = {**file, **values, **accuracy(metadata, file["path"])}
        entries.append({**entry, "notes": notes(entry, device.provider)})
    noise = {**measured.noise.to_dict(), "control_samples_ms": measured.control_samples_ms}
    return {
        "models": entries,
        "conditions": [{"threads": threads, "batch": batch, "noise": noise}],
        "comparisons": compare_with_first(entries, measured.noise),
    }


def _baseline(
    request: Request, host: dict[str, Any], cells: Sequence[tuple[int, int]]
) -> dict[str, Any] | None:
    if request.baseline is None:
        return None
    document = read_document(request.baseline)
    refuse_other_device(document, host, str(request.baseline))
    wanted = [(str(path), *cell) for cell in cells for path in request.models]
    refuse_unknown(document, wanted, str(request.baseline))
    return document


def _file(path: Path, how: How) -> dict[str, Any]:
    """Describe a file; where not all of it runs on the CPU, with the nodes of each provider."""
    content = path.read_bytes()
    placed = {} if how.provider == CPU else {"nodes_by_provider": _placed(path, how)}
    return {
        "path": str(path), "name": path.name, "size_mb": len(content) / 1e6,
        "sha256": hashlib.sha256(content).hexdigest(), **placed,
    }  # fmt: skip


def _placed(path: Path, how: How) -> dict[str, int]:
    """Count the nodes that each provider runs, and refuse a device that runs none of them."""
    with Worker(path, how) as worker:
        counts: dict[str, int] = worker.profile(1)["nodes_by_provider"]
    if not counts.get(how.provider):
        raise UserError(
            f"{path}: must have operators that {how.provider} runs, got none: all fell back "
            "on the CPU; pass model.batch1.onnx (`edgessl export`), or use --device cpu"
        )
    return counts


def _operators(path: Path, how: How, say: Say) -> dict[str, Any]:
    say(f"{path.name}: operators")
    with Worker(path, how) as worker:
        return {"path": str(path), "name": path.name, **worker.profile(PROFILE_RUNS)}
