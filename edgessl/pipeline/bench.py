"""The story of ``edgessl bench``: files in, measured latencies and what they mean out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgessl import __version__
from edgessl.artifact.session import CPU
from edgessl.bench.compare.baseline import compare, refuse_other_device, refuse_unknown
from edgessl.bench.compare.document import import_documents, only_imported, read_document
from edgessl.bench.compare.judged import compare_with_first
from edgessl.bench.compare.names import with_names
from edgessl.bench.measure.device import Device, describe_device, read_device
from edgessl.bench.measure.end_to_end import end_to_end, find_images
from edgessl.bench.measure.in_turns import measure_with_control
from edgessl.bench.measure.inputs import refuse_wrong_inputs
from edgessl.bench.measure.opened import ONNX, How
from edgessl.bench.measure.process import Worker
from edgessl.bench.measure.sustained import sustain
from edgessl.bench.page.tables import accuracy, notes
from edgessl.cores import usable_cores
from edgessl.errors import UserError
from edgessl.export.product import ExportedFile
from edgessl.pipeline.bench_refusals import refuse_beside_onnx, refuse_wrong
from edgessl.runtimes.formats import companions_of

SCHEMA = 1
PROFILE_RUNS = 20

Say = Callable[[str], None]
Part = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Latency:
    """How fast a model is on a number of threads and a batch.

    Attributes:
        path: The file.
        threads: It ran on so many.
        batch: Images in a run.
        p50_ms: Median time of a run.
        p90_ms: Nine of ten runs took at most so long.
        p99_ms: 99 of a hundred did.
        images_per_s: Images in a second, at the median.
        load_ms: Time to open the file.
        first_run_ms: Time of the first run after that.
    """

    path: Path
    threads: int
    batch: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    images_per_s: float
    load_ms: float
    first_run_ms: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What was measured.

    Attributes:
        document: What ``edgessl bench --json`` prints: ``device``, one entry for each combination
            in ``models``, ``conditions`` with the noise of each number of threads and batch,
            ``comparisons`` with the first model, and ``operators``, ``end_to_end``,
            ``sustained``, ``baseline``, ``imported`` where asked for.
    """

    document: dict[str, Any]

    @property
    def models(self) -> tuple[Latency, ...]:
        """The latency of each model on each number of threads and each batch size."""
        kept = set(Latency.__slots__) - {"path"}
        return tuple(
            Latency(Path(entry["path"]), **{name: entry[name] for name in kept})
            for entry in self.document["models"]
        )


def bench(
    models: Iterable[str | Path | ExportedFile] | str | Path | ExportedFile,
    *,
    device: str = "cpu",
    threads: Sequence[int] = (),
    batches: Sequence[int] = (1,),
    profile: bool = False,
    images: str | Path | None = None,
    sustained_s: float = 0.0,
    baseline: str | Path | None = None,
    fail_slower_percent: float = 10.0,
    imported: Sequence[str | Path] = (),
    trust: bool = False,
    say: Say = lambda _line: None,
) -> Bench:
    """Measure the latency of models in turns, so that it can be compared.

    Args:
        models: ONNX or ORT files, TorchScript, ``torch.export`` programs, checkpoints; or the
            outcome of ``export``. None where there is something to import.
        device: A name in ``bench/devices/``, or a TOML file.
        threads: Numbers of threads; none for the device's own.
        batches: Images in a run.
        profile: Also the operators that the time goes to.
        images: A file or folder of images for the time from file to answer.
        sustained_s: Seconds to run without a pause; 0 for none.
        baseline: A JSON document of what was measured before.
        fail_slower_percent: Percent by which a model may be slower than that.
        imported: JSON documents of what was measured on other devices.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Returns:
        The latencies, in ``.models``, and everything else in ``.document``.

    Raises:
        UserError: A file, device, thread or batch number cannot be used.

    Examples:
        >>> import edgessl
        >>> model = "runs/photos-mobilenetv2-dino/model.onnx"
        >>> (latency,) = edgessl.bench(model, threads=[1]).models
        >>> latency.p50_ms <= latency.p90_ms
        True
    """
    paths = _paths(models)
    others = [Path(path) for path in imported]
    if others and not paths:
        return Bench(only_imported(others))
    table = read_device(device)
    refuse_wrong(paths, threads, batches, profile=profile, trust=trust)
    refuse_beside_onnx(paths, batches, provider=table.provider, e2e=images is not None)
    onnx = [path for path in paths if path.suffix.lower() in ONNX]
    refuse_wrong_inputs(onnx, tuple(batches), one_image=images is not None,
                        provider=table.provider)  # fmt: skip
    shown = find_images(Path(images) if images is not None else None)
    documents = import_documents(others)
    host = {"name": device, "provider": table.provider, **describe_device()}
    counts = tuple(threads) or (table.threads or usable_cores(),)
    cells = [(count, batch) for count in counts for batch in batches]
    before = _before(Path(baseline) if baseline is not None else None, paths, host, cells)
    how = How(*cells[0], table.provider, table.options, trust)
    files = [_file(path, how) for path in paths]
    document: dict[str, Any] = {
        "schema": SCHEMA, "edgessl": __version__,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"), "device": host,
        "protocol": table.model_dump(), "models": [], "conditions": [], "comparisons": [],
    }  # fmt: skip
    if shown:  # before the rest: it refuses models that do not say their preprocessing
        document["end_to_end"] = end_to_end(paths, replace(how, batch=1), shown, say)
    for count, batch in cells:
        cell = replace(how, threads=count, batch=batch)
        for key, rows in _measure_cell(files, table, cell, say).items():
            document[key] += rows
    if profile:
        document["operators"] = [_operators(path, how, say) for path in onnx]
    if sustained_s:
        document["sustained"] = [
            sustain(path, table, threads=how.threads, batch=how.batch, seconds=sustained_s,
                    trust=trust, say=say) for path in paths
        ]  # fmt: skip
    document = with_names(document)
    if before is not None:
        document["baseline"] = compare(document, before, fail_slower_percent)
    if documents:
        document["imported"] = documents
    return Bench(document)


def _paths(
    models: Iterable[str | Path | ExportedFile] | str | Path | ExportedFile,
) -> tuple[Path, ...]:
    if isinstance(models, str | Path | ExportedFile):
        models = (models,)
    return tuple(
        model.path if isinstance(model, ExportedFile) else Path(model) for model in models
    )


def _measure_cell(
    files: Sequence[dict[str, Any]], device: Device, how: How, say: Say
) -> Part:
    """Measure all models at one number of threads and batch, and compare them with the first."""
    paths = [Path(file["path"]) for file in files]
    measured = measure_with_control(
        paths, device, threads=how.threads, batch=how.batch, trust=how.trust, say=say
    )
    entries = []
    for file, values in zip(files, measured.models, strict=True):
        metadata = values.pop("metadata")
        entry = {**file, **values, **accuracy(metadata, file["path"])}
        entries.append({**entry, "notes": notes(entry, device.provider)})
    noise = {**measured.noise.to_dict(), "control_samples_ms": measured.control_samples_ms}
    return {
        "models": entries,
        "conditions": [{"threads": how.threads, "batch": how.batch, "noise": noise}],
        "comparisons": compare_with_first(entries, measured.noise),
    }


def _before(
    baseline: Path | None,
    models: Sequence[Path],
    host: dict[str, Any],
    cells: Sequence[tuple[int, int]],
) -> dict[str, Any] | None:
    """Read what was measured before, on the same device and of the same models."""
    if baseline is None:
        return None
    document = read_document(baseline)
    refuse_other_device(document, host, str(baseline))
    wanted = [(str(path), *cell) for cell in cells for path in models]
    refuse_unknown(document, wanted, str(baseline))
    return document


def _file(path: Path, how: How) -> dict[str, Any]:
    """Describe a file; where not all of it runs on the CPU, with the nodes of each provider."""
    parts = [part for part in (path, *companions_of(path)) if part.is_file()]
    content = b"".join(part.read_bytes() for part in parts)
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
