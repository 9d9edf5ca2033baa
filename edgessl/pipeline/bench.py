"""The story of ``edgessl bench``: files in, measured latencies and what they mean out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from edgessl import __version__
from edgessl.artifact.session import CPU
from edgessl.bench.compare.baseline import compare, refuse_other_device, refuse_unknown
from edgessl.bench.compare.document import read_document
from edgessl.bench.compare.judged import compare_with_first
from edgessl.bench.compare.names import with_names
from edgessl.bench.measure.describe import describe_device
from edgessl.bench.measure.device_table import Device, read_device
from edgessl.bench.measure.in_turns import measure_with_control
from edgessl.bench.measure.inputs import refuse_wrong_inputs
from edgessl.bench.measure.opened import ONNX, TORCH, How
from edgessl.bench.measure.process import Worker
from edgessl.bench.measure.sustained import sustain
from edgessl.bench.page.tables import accuracy, notes
from edgessl.cores import usable_cores
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


_KEPT = ("device", "models", "conditions", "comparisons", "protocol", "measured")


def import_documents(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Read documents of ``edgessl bench --json`` or a bundle's ``run.py --bench --json``.

    Args:
        paths: The files.

    Returns:
        ``source``, and the ``device``, ``models``, ``conditions`` and ``comparisons`` of each; what
        the device imported itself is left behind.

    Raises:
        UserError: One is missing or something else.
    """
    documents = [(path, read_document(path)) for path in paths]
    return [
        {"source": str(path), **{key: document[key] for key in _KEPT if key in document}}
        for path, document in documents
    ]


def only_imported(paths: Sequence[Path]) -> dict[str, Any]:
    """Make a document of imported ones alone: the first, and the others beside it.

    Args:
        paths: At least one file. What the first was judged against, its ``baseline``, is left
            behind: it says nothing about today.

    Raises:
        UserError: One is missing or something else.
    """
    first = {key: part for key, part in read_document(paths[0]).items() if key != "baseline"}
    return {**first, "imported": import_documents(paths[1:])}


RUNS, TURN_RUNS = 60, 5
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
MOST_IMAGES = 32


def find_images(given: Path | None) -> list[Path]:
    """Return some images, spread over a folder.

    Args:
        given: An image or a folder; None for none.

    Raises:
        UserError: There are none in it.
    """
    if given is None:
        return []
    found = [given] if given.is_file() else sorted(
        path for path in given.rglob("*") if path.suffix.lower() in SUFFIXES
    )  # fmt: skip
    if not found:
        raise UserError(
            f"--e2e: must be an image or a folder of images, got '{given}'; check the path"
        )
    stride = max(1, len(found) // MOST_IMAGES)
    return found[::stride][:MOST_IMAGES]


def end_to_end(
    paths: Sequence[Path], how: How, images: Sequence[Path], say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Time every step from a file to an answer.

    Args:
        paths: Files of models.
        how: On what to run them.
        images: Files, taken in turns.
        say: Called with the name of the step.

    Returns:
        For each model the median of each step, ``decode_p50_ms preprocess_p50_ms core_p50_ms
        post_p50_ms total_p50_ms``, and each run's in ``steps_ms``.

    Raises:
        UserError: A model does not say its preprocessing, or a file is no image.
    """
    say(f"from file to answer, {len(images)} image(s)")
    workers: list[Worker] = []
    parts: list[list[dict[str, Any]]] = [[] for _ in paths]
    try:
        for path in paths:
            workers.append(Worker(path, how))
        order = list(range(len(paths)))
        for turn in range(RUNS // TURN_RUNS):
            start = turn * TURN_RUNS % len(images)
            rotated = [*images[start:], *images[:start]]
            for index in order:
                parts[index].append(workers[index].end_to_end(rotated, TURN_RUNS))
            order.reverse()
    finally:
        for worker in workers:
            worker.close()
    return [_steps(path, own, len(images)) for path, own in zip(paths, parts, strict=True)]


def _steps(path: Path, parts: Sequence[dict[str, Any]], images: int) -> dict[str, Any]:
    spent = {
        step: [run for part in parts for run in part["steps_ms"][step]]
        for step in parts[0]["steps_ms"]
    }
    totals = np.sum(list(spent.values()), axis=0)
    return {
        "path": str(path), "name": path.name, "images": images, "runs": len(totals),
        "preprocess_inside": parts[0]["preprocess_inside"],
        **{f"{step}_p50_ms": float(np.median(runs)) for step, runs in spent.items()},
        "total_p50_ms": float(np.median(totals)), "steps_ms": spent,
    }  # fmt: skip


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
