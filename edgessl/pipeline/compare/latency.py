"""Latencies for the rows of a comparison: measured now, or read from a bench of before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgessl.bench.compare.document import read_document
from edgessl.pipeline.bench import Say, bench
from edgessl.pipeline.compare.files import exported_from, sha256_of
from edgessl.report.compare.row import FILE, OURS, Latency, Row

_EXPORTED = "model.onnx"


def with_latency(
    rows: Sequence[Row], documents: Sequence[Path], *, measure: bool, device: str, trust: bool,
    say: Say,
) -> list[Row]:
    """Add latencies to rows, as far as they are known.

    A run's arms have one network, so what was measured of one holds for all.

    Args:
        rows: The rows.
        documents: Files of ``edgessl bench --json``.
        measure: Whether to measure now, each network once.
        device: For that: a name in ``bench/devices/``, or a TOML file.
        trust: Whether to open files that no manifest lists.
        say: Called with the name of each step.

    Raises:
        UserError: A document is none, or a file cannot be measured.
    """
    known = [read_document(path) for path in documents]
    if measure:
        files = dict.fromkeys(_measured(row) for row in rows if row.arm in (OURS, FILE))
        known.insert(0, bench(list(files), device=device, trust=trust, say=say).document)
    if not known:
        return list(rows)
    found = {row.name: _latency(row, known) for row in rows}
    shared = {row.source: one for row in rows if (one := found[row.name]) is not None}
    return [replace(row, latency=found[row.name] or shared.get(row.source)) for row in rows]


def _measured(row: Row) -> Path:
    """Return what stands for a row: an exported file where there is one, as a device runs it."""
    beside = row.source / _EXPORTED
    exported = row.arm != FILE and exported_from(beside) == sha256_of(row.file)
    return beside if exported and beside.is_file() else row.file


def _latency(row: Row, documents: Sequence[Mapping[str, Any]]) -> Latency | None:
    """Return what a document says of the row's file, found by its content."""
    hashes = {sha256_of(_measured(row)), sha256_of(row.file)} - {""}
    for document in documents:
        noisy = {
            (cell["threads"], cell["batch"]) for cell in document["conditions"]
            if cell["noise"]["grade"] == "C"
        }  # fmt: skip
        for entry in document["models"]:
            if entry.get("sha256") in hashes and entry["batch"] == 1:
                return Latency(
                    entry["p50_ms"], entry.get("p50_low_ms"), entry.get("p50_high_ms"),
                    entry.get("runtime", "onnxruntime"), entry["threads"],
                    document["device"]["cpu"], (entry["threads"], 1) in noisy, entry["name"],
                )  # fmt: skip
    return None
