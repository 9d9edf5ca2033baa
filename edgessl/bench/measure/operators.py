"""Which operators the time goes to, by onnxruntime's own profiler, in a run of its own."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgessl.bench.measure.open_model import open_model
from edgessl.bench.measure.opened import TORCH, How
from edgessl.errors import UserError

WARMUP_RUNS = 3
MOST_NODES = 15


def profile(path: Path, how: How, times: int) -> dict[str, Any]:
    """Run a model under the profiler. It inflates every run: only shares are to be read.

    Args:
        path: An ONNX file.
        how: On what to run it.
        times: Runs to count, after a few that are not.

    Returns:
        ``operators`` and the slowest ``nodes``, each with its share in percent, ``total_ms`` of a
        run under the profiler, and ``nodes_by_provider``.

    Raises:
        UserError: It is no ONNX file.
    """
    if path.suffix.lower() in TORCH:
        raise UserError(f"{path}: must be an ONNX file for --profile, got {path.suffix}")
    with tempfile.TemporaryDirectory() as folder:
        opened = open_model(path, how, str(Path(folder) / "profile"))
        for _ in range(WARMUP_RUNS + times):
            opened.run()
        events = json.loads(Path(opened.finish()).read_text(encoding="utf-8"))
    return summarise(events, times)


def summarise(events: Iterable[Mapping[str, Any]], times: int) -> dict[str, Any]:
    """Add up the kernel times of the last runs.

    Args:
        events: Content of the profile.
        times: Runs to count, from the end.
    """
    runs: dict[str, list[float]] = defaultdict(list)  # node -> microseconds of each run
    kinds: dict[str, str] = {}
    providers: dict[str, str] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") != "Node" or not name.endswith("_kernel_time"):
            continue
        node = name.removesuffix("_kernel_time")
        runs[node].append(float(event["dur"]))
        kinds[node] = str(event["args"]["op_name"])
        providers[node] = str(event["args"].get("provider", ""))
    means = {node: sum(spent[-times:]) / 1000 / times for node, spent in runs.items()}
    total = sum(means.values()) or 1.0
    by_kind: dict[str, list[float]] = defaultdict(list)
    for node, mean in means.items():
        by_kind[kinds[node]].append(mean)
    slowest = sorted(means, key=lambda node: -means[node])[:MOST_NODES]
    return {
        "total_ms": total,
        "operators": [
            {"operator": kind, "nodes": len(spent), "ms": sum(spent),
             "percent": 100 * sum(spent) / total}
            for kind, spent in sorted(by_kind.items(), key=lambda item: -sum(item[1]))
        ],
        "nodes": [
            {"node": node, "operator": kinds[node], "ms": means[node],
             "percent": 100 * means[node] / total}
            for node in slowest
        ],
        "nodes_by_provider": _counts(providers.values()),
    }  # fmt: skip


def _counts(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        counts[name] += 1
    return dict(counts)
