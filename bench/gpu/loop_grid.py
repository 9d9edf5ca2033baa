"""Our loop on one device, over view sizes, precisions, memory formats and compilation.

Each setting is measured twice, on data and on one fixed batch; the share of the limit is what the
first reaches of the second. One JSON line is written as soon as a measurement is done, the most
telling ones first, so that a cut-off keeps what there is.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

from loops import Enough, Listener, train
from work import WORKS

SIZES = ("mobilenetv2-112", "mobilenetv2-64", "mobilenetv2-224")


@dataclass(frozen=True, slots=True)
class Case:
    """One setting of the loop.

    Attributes:
        work: A key of ``WORKS``.
        precision: ``fp32`` or ``bf16``; None for what a run chooses by measuring.
        memory_format: ``channels_last`` or ``contiguous``; None likewise.
        compiled: Whether backbones go through ``torch.compile``.
    """

    work: str
    precision: str | None = None
    memory_format: str | None = None
    compiled: bool = False

    @property
    def overrides(self) -> tuple[str, ...]:
        """The same as ``--set``."""
        settings = {"precision": self.precision, "memory_format": self.memory_format}
        return tuple(f"engine.{key}={value}" for key, value in settings.items() if value)


def cases() -> list[Case]:
    """List what is measured, what a run chooses first, compilation (slow to start) last."""
    grid = (("bf16", "channels_last"), ("fp32", "channels_last"),
            ("bf16", "contiguous"), ("fp32", "contiguous"))  # fmt: skip
    return [
        *(Case(work) for work in SIZES),
        *(Case(work, *choice) for choice in grid for work in SIZES),
        *(Case(work, "bf16", "channels_last", compiled=True) for work in SIZES),
    ]


class Timer:
    """Counts steps, times those after the warm-up, and leaves the run.

    Args:
        warmup: Steps before.
        steps: Steps timed.
        wait: Returns when the device has done what it was given.
    """

    def __init__(self, warmup: int, steps: int, wait: Callable[[], None]) -> None:
        self._warmup, self._steps, self._wait = warmup, steps, wait
        self._done, self._began = 0, 0.0
        self.seconds = 0.0

    def after_step(self) -> None:
        """Count one."""
        self._done += 1
        if self._done == self._warmup:
            self._wait()
            self._began = perf_counter()
        elif self._done == self._warmup + self._steps:
            self._wait()
            self.seconds = perf_counter() - self._began
            raise Enough


def measure(case: Case, one_batch: bool, given: argparse.Namespace) -> dict[str, Any]:
    """Run the loop for the given steps.

    Args:
        case: In what setting.
        one_batch: On one fixed batch instead of data.
        given: ``data``, ``device``, ``batch``, ``warmup``, ``steps``.

    Returns:
        Rate, peak memory and engine, as plain values.
    """
    cuda = given.device == "cuda"
    wait = torch.cuda.synchronize if cuda else (lambda: None)
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    torch.compiler.reset()
    timer = Timer(given.warmup, given.steps, wait)
    listener, began = Listener(timer.after_step), perf_counter()
    work = WORKS[case.work].with_batch(given.batch)
    with TemporaryDirectory() as out:
        try:
            train(
                given.data, Path(out), work, listener, device=given.device,
                overrides=case.overrides, compiled=case.compiled, one_batch=one_batch,
            )  # fmt: skip
        except Enough:
            pass
    return {
        **asdict(case), "feed": "one batch" if one_batch else "data", "batch": work.batch,
        "images_per_s": round(given.steps * work.batch / timer.seconds, 1),
        "peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 1e6) if cuda else None,
        "engine": listener.engine, "said": listener.sentences,
        "whole_s": round(perf_counter() - began, 1),
    }  # fmt: skip


def main() -> None:
    """Measure case after case, for as long as told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--warmup", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--cases", type=int, help="only the first so many")
    parser.add_argument("--lines", type=Path, required=True, help="JSON lines are added here")
    given = parser.parse_args()
    for case in cases()[: given.cases]:
        for one_batch in (False, True):
            try:
                found = measure(case, one_batch, given)
            except Exception:  # out of memory in one case must not cost the others
                found = {**asdict(case), "feed": "one batch" if one_batch else "data",
                         "error": traceback.format_exc()[-2000:]}  # fmt: skip
            with given.lines.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
            print(case, found.get("images_per_s", "failed"), flush=True)


if __name__ == "__main__":
    main()
