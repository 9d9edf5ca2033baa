"""What a reader of measured numbers must know about a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgessl.artifact.cores import usable_cores
from edgessl.artifact.metadata import Metadata
from edgessl.bench.compare.latency import MIN_RUNS_P90, MIN_RUNS_P99

IDLE_SHARE = 0.6  # of the threads; below it fewer threads may be as fast
NOISY_PERCENT = 30.0


def accuracy(text: str, where: str) -> dict[str, Any]:
    """Return the test accuracy that was measured through a file, and its number format.

    Args:
        text: What edgessl wrote into the file, as JSON; empty if nothing.
        where: The file's name, for the message.

    Returns:
        ``top1`` as ``{value, low, high, n}`` in percent, and ``precision``; None where the file
        does not say.
    """
    if not text:
        return {"top1": None, "precision": None}
    metadata = Metadata.from_json(text, where)
    scores = [gate["numbers"].get("top1") for gate in metadata.gates if gate["name"] == "accuracy"]
    return {"top1": next(iter(scores), None), "precision": metadata.precision}


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
        said.append(f"{values['threads']} threads kept only {obtained:.2f} cores busy")
    if values["threads"] > usable_cores():
        said.append(f"{values['threads']} threads on {usable_cores()} usable core(s)")
    counts = values.get("nodes_by_provider")
    if counts and set(counts) != {provider}:
        total, own = sum(counts.values()), counts[provider]
        said.append(f"{provider} runs {own} of {total} operators, the CPU the others")
    if values["runtime"] != "onnxruntime":
        said.append(f"run by {values['runtime']}, in a process with PyTorch")
    return said
