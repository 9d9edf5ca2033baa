"""How fast the whole pretraining loop is, next to lightly's: ``python lightly_loop.py --data DIR``.

The loops take turns in one process, so that whatever else the machine does hits both. A block
starts with steps that are not counted: lightly's workers are new and fill their queue, ours has
nothing to fill. Every round gives one ratio; the median and the range over rounds are reported.
On a busy machine the one with more processes gets more of it; CPU time, workers included, does not
depend on that. Linux only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from loops import BATCH, WORKERS, Start, edgessl_loop, lightly_loop

from edgessl.bench.describe import describe_device

OURS, PEER, PEER_CHANNELS_LAST = "edgessl", "lightly", "lightly, channels-last"
RUN_EPOCHS = 60  # over which packing is spread in the second ratio
THREADS = 2


def compare(folder: Path, *, rounds: int, steps: int, warmup: int) -> dict[str, Any]:
    """Let the loops take turns.

    Args:
        folder: Images, in folders or not.
        rounds: Blocks of each loop.
        steps: Counted steps of a block.
        warmup: Steps before them; at least the four batches that lightly's workers hold ready.

    Returns:
        Rates and ratios, as plain values.
    """
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    with _private_cache():
        ours, packing_s = edgessl_loop(paths)
        loops: dict[str, Start] = {
            OURS: ours,
            PEER: lightly_loop(folder, torch.contiguous_format),
            PEER_CHANNELS_LAST: lightly_loop(folder, torch.channels_last),
        }
        rates: dict[str, list[float]] = {name: [] for name in loops}
        cpu_rates: dict[str, list[float]] = {name: [] for name in loops}
        for turn in range(rounds):
            order = list(loops)
            for name in order[turn % 3 :] + order[: turn % 3]:
                wall_s, cpu_s = _block_seconds(loops[name], steps, warmup)
                rates[name].append(steps * BATCH / wall_s)
                cpu_rates[name].append(steps * BATCH / cpu_s)
    packing = packing_s / (len(paths) * RUN_EPOCHS)  # seconds an image and epoch
    return {
        "images": len(paths),
        "batch": BATCH,
        "steps_a_block": steps,
        "packing_s": round(packing_s, 2),
        "images_per_s": _medians(rates),
        "images_per_cpu_s": _medians(cpu_rates),
        "ratio": {name: _ratios(rates[OURS], rates[name]) for name in (PEER, PEER_CHANNELS_LAST)},
        "ratio_of_cpu_time": {
            name: _ratios(cpu_rates[OURS], cpu_rates[name]) for name in (PEER, PEER_CHANNELS_LAST)
        },
        f"ratio_with_packing_over_{RUN_EPOCHS}_epochs": {
            name: _ratios([1 / (1 / rate + packing) for rate in rates[OURS]], rates[name])
            for name in (PEER, PEER_CHANNELS_LAST)
        },
    }


def _block_seconds(start: Start, steps: int, warmup: int) -> tuple[float, float]:
    """Return wall time and CPU time of the counted steps."""
    loop = start()
    _advance(loop, warmup)
    began, cpu_began = perf_counter(), _cpu_s()
    _advance(loop, steps)
    seconds, cpu_seconds = perf_counter() - began, _cpu_s() - cpu_began
    del loop  # ends lightly's workers, which would go on loading during the next block
    return seconds, cpu_seconds


def _cpu_s() -> float:
    """Return the CPU time of this process and its living workers, from Linux's /proc."""
    total = 0
    for pid in (os.getpid(), *(child.pid for child in multiprocessing.active_children())):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])  # utime, stime
    return total / os.sysconf("SC_CLK_TCK")


def _advance(loop: Iterator[None], steps: int) -> None:
    for _ in range(steps):
        next(loop)


def _medians(rates: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    return {
        name: {"median": round(median(values), 1), "blocks": [round(v, 1) for v in values]}
        for name, values in rates.items()
    }


def _ratios(ours: list[float], theirs: list[float]) -> dict[str, float]:
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return {
        "median": round(median(ratios), 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
    }


@contextmanager
def _private_cache() -> Iterator[None]:
    """Pack anew, as on a first run."""
    before = os.environ.get("EDGESSL_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EDGESSL_CACHE"] = folder
        yield
    if before is None:
        del os.environ["EDGESSL_CACHE"]
    else:
        os.environ["EDGESSL_CACHE"] = before


def row(result: dict[str, Any]) -> str:
    """Return a Markdown row: data, rates, and the ratios with their ranges."""
    rates = [f"{entry['median']:.0f}" for entry in result["images_per_s"].values()]
    ratios = [
        f"{found['median']:.2f} ({found['low']:.2f}-{found['high']:.2f})"
        for key in ("ratio", "ratio_of_cpu_time")
        for found in result[key].values()
    ]
    return f"| {' | '.join([result['data'], *rates, *ratios])} |"


def main() -> None:
    """Measure, print a Markdown row, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of images")
    parser.add_argument("--out", type=Path, help="JSON file")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--warmup", type=int, default=5)
    given = parser.parse_args()
    machine = describe_device()  # before, so that its load is that of others
    compared = compare(given.data, rounds=given.rounds, steps=given.steps, warmup=given.warmup)
    packages = ("torch", "torchvision", "timm", "lightly", "numpy", "pillow")
    result = {
        "what": "whole pretraining loop, files to updated weights: MobileNetV2, DINO, 2x64 + 6x36",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "data": given.data.resolve().name,
        **compared,
        "threads": THREADS,
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", "default"),
        "lightly_workers": WORKERS,
        "machine": {**machine, "versions": {name: version(name) for name in packages}},
    }
    rates = " | ".join(f"{name}, img/s" for name in (OURS, PEER, PEER_CHANNELS_LAST))
    ratios = " | ".join(
        f"{what} to {name}" for what in ("ratio", "CPU time") for name in (PEER, PEER_CHANNELS_LAST)
    )
    print(f"| data | {rates} | {ratios} |")
    print("|---" * 8 + "|")
    print(row(result))
    if given.out:
        given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
