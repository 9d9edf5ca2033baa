"""Which differences between models are real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgessl.bench.compare.latency import Latency
from edgessl.bench.compare.noise import Noise, drift_percent, grade_noise
from edgessl.bench.compare.ratio import ratio_of_turns


def compare_with_first(models: Sequence[Mapping[str, Any]], noise: Noise) -> list[dict[str, Any]]:
    """Compare every model but the first with the first.

    Args:
        models: Entries of one number of threads and batch, measured in turns.
        noise: Of that measurement; what its control is off by widens every interval.

    Returns:
        For each its ``ratio low high verdict``, the two files, and ``comparable``: whether the
        machine was quiet enough.
    """
    first = models[0]
    control = 1.0 if noise.control is None else noise.control.ratio
    return [
        {
            "threads": one["threads"], "batch": one["batch"], "path": one["path"],
            "name": one["name"], "base": first["name"], "base_path": first["path"],
            **ratio_of_turns(one["samples_ms"], first["samples_ms"]).widened(control).to_dict(),
            "comparable": noise.grade != "C",
        }
        for one in models[1:]
    ]  # fmt: skip


def judged(document: Mapping[str, Any]) -> dict[str, Any]:
    """Add intervals, drift, noise grades and comparisons where only the runs are known.

    Args:
        document: Of ``run.py --bench --json``, or of ``edgessl bench --json``, which has all.

    Returns:
        The document with what was missing.

    Raises:
        ValueError: The runs are no milliseconds, or of models that did not take turns.
    """
    models = [_with_interval(entry) for entry in document["models"]]
    conditions: list[dict[str, Any]] = []
    comparisons = list(document.get("comparisons", ()))
    for cell in document.get("conditions", ()):
        if not cell["noise"].get("grade"):
            here = [one for one in models if _cell(one) == _cell(cell)]
            cell, compared = _judged_cell(cell, here, document["device"])
            comparisons += compared
        noise = {**cell["noise"], "reasons": cell["noise"].get("reasons") or []}
        conditions.append({**cell, "noise": noise})
    return {**document, "models": models, "conditions": conditions, "comparisons": comparisons}


def _judged_cell(
    cell: Mapping[str, Any], models: Sequence[Mapping[str, Any]], device: Mapping[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    measured = cell["noise"]
    noise = grade_noise(
        [one["samples_ms"] for one in models],
        ratio_of_turns(measured["control_samples_ms"], models[0]["samples_ms"]),
        # run.py counts what others do on the whole host
        threads=cell["threads"], cores=device.get("cores") or cell["threads"],
        foreign_cores=measured.get("foreign_cores"),
        steal_percent=measured.get("steal_percent"),
    )  # fmt: skip
    return {**cell, "noise": {**measured, **noise.to_dict()}}, compare_with_first(models, noise)


def _with_interval(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Add the median's interval and the drift to an entry that has only its runs."""
    samples = entry.get("samples_ms")
    if not samples or "p50_low_ms" in entry:
        return dict(entry)
    latency = Latency.from_turns(samples, entry["batch"])
    return {
        **entry,
        "p50_low_ms": latency.p50_low_ms,
        "p50_high_ms": latency.p50_high_ms,
        "drift_percent": drift_percent(samples),
    }


def _cell(entry: Mapping[str, Any]) -> tuple[int, int]:
    return entry["threads"], entry["batch"]
