"""Tables and sentences of a bench, for the screen, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from edgessl.artifact.metadata import Metadata
from edgessl.bench.compare.latency import MIN_RUNS_P90, MIN_RUNS_P99
from edgessl.cores import usable_cores
from edgessl.runs.main_score import DENSE, WORDS

IDLE_SHARE = 0.6  # of the threads; below it fewer threads may be as fast
NOISY_PERCENT = 30.0
CPU = "CPUExecutionProvider"


def accuracy(text: str, where: str) -> dict[str, Any]:
    """Return the test accuracy that was measured through a file, and its number format.

    Args:
        text: What edgessl wrote into the file, as JSON; empty if nothing.
        where: The file's name, for the message.

    Returns:
        ``top1`` as ``{value, low, high, n}`` in percent, and ``precision``; None where the file
        does not say. ``ap50`` of a detector, ``miou`` of a segmenter.
    """
    if not text:
        return {"top1": None, "precision": None}
    metadata = Metadata.from_json(text, where)
    scores = [gate["numbers"].get("top1") for gate in metadata.gates if gate["name"] == "accuracy"]
    dense = {
        key: gate["numbers"][key] for gate in metadata.gates for key in DENSE
        if gate["numbers"].get(key)
    }
    return {"top1": next(iter(scores), None), "precision": metadata.precision, **dense}


def notes(values: Mapping[str, Any], provider: str) -> list[str]:
    """Say what is odd about the numbers of one model.

    Args:
        values: What was measured.
        provider: The execution provider that was asked for.
    """
    said = []
    if values["p90_ms"] is None:
        said.append(f"p90 needs {MIN_RUNS_P90} runs, got {values['runs']}")
    if values["p99_ms"] is None:
        said.append(f"p99 needs {MIN_RUNS_P99} runs, got {values['runs']}")
    if not values["warmup_stable"]:
        said.append("latency was still moving after warm-up")
    if values["iqr_percent"] > NOISY_PERCENT:
        said.append(f"busy machine: the middle half spreads over {values['iqr_percent']:.0f} %")
    obtained = values["cores_obtained"]
    if values["threads"] > 1 and obtained < IDLE_SHARE * values["threads"]:
        fewer = max(1, round(obtained))
        same = " (or --device cpu-1thread)" if (fewer, provider) == (1, CPU) else ""
        said.append(
            f"{values['threads']} threads kept only {obtained:.2f} cores busy; "
            f"--threads {fewer}{same} may be as fast"
        )
    if values["threads"] > usable_cores():
        said.append(f"{values['threads']} threads on {usable_cores()} usable core(s)")
    counts = values.get("nodes_by_provider")
    if counts and set(counts) != {provider}:
        total, own = sum(counts.values()), counts[provider]
        said.append(f"{provider} runs {own} of {total} operators, the CPU the others")
    if values["runtime"] != "onnxruntime" and "computes" not in values:
        said.append(f"run by {values['runtime']}, in a process with PyTorch")
    said += [
        f"{WORDS[key]} {values[key]['value']:.1f} % through it, on {values[key]['n']} test images"
        for key in DENSE if values.get(key)
    ]
    if "computes" in values:
        said.append(_own_runtime(values))
    return said


def _own_runtime(values: Mapping[str, Any]) -> str:
    """Say what ran a file for a device, and what it computed with, as read back from it."""
    ran = f"run by {values['runtime']} {values['version']}"
    computes = values["computes"]
    if not computes:
        return f"{ran}, which does not tell what it computes in"
    told = ", ".join(f"{count} in {numbers}" for numbers, count in sorted(computes.items()))
    return f"{ran}; of its {sum(computes.values())} products it computes {told}"


COLUMNS = (
    "device", "provider", "name", "path", "sha256", "size_mb", "precision", "top1_percent",
    "runtime", "threads", "batch", "runs", "p50_ms", "p50_low_ms", "p50_high_ms", "p90_ms",
    "p99_ms", "min_ms", "mean_ms", "images_per_s", "load_ms", "first_run_ms", "rss_before_load_mb",
    "rss_loaded_mb", "peak_rss_mb", "cores_obtained", "drift_percent", "iqr_percent", "noise_grade",
)  # fmt: skip


def rows(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Flatten a document, what was imported from other devices included.

    Args:
        document: A bench, as plain values.

    Yields:
        A value for each of ``COLUMNS``; None where it is not known.
    """
    for source in (document, *document.get("imported", ())):
        grades = {
            (cell["threads"], cell["batch"]): cell["noise"]["grade"]
            for cell in source.get("conditions", ())
        }
        for entry in source["models"]:
            row = {column: entry.get(column) for column in COLUMNS}
            row["device"] = source["device"]["cpu"]
            row["provider"] = source["device"].get("provider")
            row["noise_grade"] = grades.get((entry["threads"], entry["batch"]))
            row["top1_percent"] = (entry.get("top1") or {}).get("value")
            yield row


def to_csv(document: Mapping[str, Any]) -> str:
    """Write one line for each model, number of threads and batch.

    Args:
        document: A bench, as plain values.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(document))
    return text.getvalue()


def to_markdown(document: Mapping[str, Any]) -> str:
    """Write a table that can be pasted into an issue, with the device and the noise.

    Args:
        document: A bench, as plain values.
    """
    device = document["device"]
    runtime = ", ".join(f"{name} {number}" for name, number in device.get("versions", {}).items())
    lines = [f"{device['cpu']}, {device.get('cores_usable', '?')} usable core(s), "
             f"{device.get('provider')}, {device.get('os', '')}, {runtime}", ""]  # fmt: skip
    lines += [
        "| model | device | threads | batch | p50 ms (95 %) | p90 ms | p99 ms | images/s (mean) "
        "| load ms | first ms | peak MB | file MB | top-1 % | noise |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows(document):
        p50 = _number(row["p50_ms"])
        if row["p50_low_ms"] is not None:
            p50 += f" ({_number(row['p50_low_ms'])}-{_number(row['p50_high_ms'])})"
        cells = [
            str(row["name"]), str(row["device"]), str(row["threads"]), str(row["batch"]), p50,
            *(_number(row[key]) for key in (
                "p90_ms", "p99_ms", "images_per_s", "load_ms", "first_run_ms", "peak_rss_mb",
                "size_mb", "top1_percent")),
            row["noise_grade"] or "-",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += [""] if document.get("comparisons") else []
    lines += [f"- {comparison_in_words(one)}" for one in document.get("comparisons", ())]
    for cell in document.get("conditions", ()):
        noise = cell["noise"]
        why = "; ".join(noise["reasons"]) or "quiet"
        lines.append(
            f"- noise {noise['grade']} at {cell['threads']} thread(s), batch {cell['batch']}: {why}"
        )
    return "\n".join(lines) + "\n"


def comparison_in_words(comparison: Mapping[str, Any]) -> str:
    """Say how one model compares with the first, and never more than was shown.

    Args:
        comparison: One of ``comparisons``.
    """
    name, base = comparison["name"], comparison["base"]
    where = f"{comparison['threads']} thread(s), batch {comparison['batch']}"
    if not comparison["comparable"]:
        return f"{name} and {base} ({where}): too noisy, do not compare"
    ratio, low, high = (comparison[key] for key in ("ratio", "low", "high"))
    if low is None:
        found = f"{ratio:.2f} times as long as {base} ({where})"
        return f"{name} takes {found}; too few launches to tell"
    found = f"{ratio:.3f} times as long as {base}, 95 % interval {low:.3f} to {high:.3f} ({where})"
    return f"{name} takes {found}: {comparison['verdict']}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
