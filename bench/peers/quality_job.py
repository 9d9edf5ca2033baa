"""What a contender of ``quality.py`` is asked to do, and how it answers. Needs nothing but Python.

A contender is called twice, each time as a process group of its own: for a look at its rate, and
to train for as many steps as fit into the minutes by that rate, with its schedule made for them.
edgessl trains whole epochs only, so it gets those that fit.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from budget import CLOCKS, Budget

ANSWER, WEIGHTS = "answer.json", "weights.pt"
MANY_EPOCHS = 1000  # of a look at the rate
LOCAL_SHARE = 36 / 64  # of the side of a local view in that of a global one, in all libraries
METHODS = ("dino", "simclr")


@dataclass(frozen=True, slots=True)
class Job:
    """One call of a contender.

    Attributes:
        data: Flat folder of images.
        out: New folder for what it writes.
        backbone: Name of the network, in edgessl or, for the others, in timm.
        method: Of ``METHODS``.
        size_px: Side of the global views.
        tuned: Whether settings are made to fit a small set, instead of the library's defaults.
        epochs: That its schedule is made for; the last one need not be whole.
        steps: Where it ends, in the last epoch; None for the end of that. Ours ends there always.
        seconds: After which it stops in any case; None for a look at the rate.
        clock: What a second is.
        workers: Data-loader processes.
        device: ``cpu`` or ``cuda``.
        seed: Decides what is random.
    """

    data: Path
    out: Path
    backbone: str
    method: str
    size_px: int
    tuned: bool
    epochs: int
    steps: int | None
    seconds: float | None
    clock: str
    workers: int
    device: str
    seed: int

    @property
    def local_px(self) -> int:
        """Side of the local views."""
        return round(self.size_px * LOCAL_SHARE)

    def begin(self, batch: int) -> Budget:
        """Start the clock of a loop whose steps have this many images."""
        return Budget(self.clock, batch, self.seconds)

    def answer(self, budget: Budget, batch: int, **facts: Any) -> None:
        """Write what was spent, and what else is worth knowing of the run."""
        self.out.mkdir(parents=True, exist_ok=True)
        said = {**budget.spent().to_dict(), "batch": batch, "epochs": self.epochs, **facts}
        (self.out / ANSWER).write_text(json.dumps(said), encoding="utf-8")


def arguments(job: Job) -> list[str]:
    """Return a job as a program's arguments: what ``read_job`` reads."""
    words = [
        "--data", str(job.data), "--out", str(job.out), "--backbone", job.backbone,
        "--method", job.method, "--size", str(job.size_px), "--epochs", str(job.epochs),
        "--clock", job.clock, "--workers", str(job.workers), "--device", job.device,
        "--seed", str(job.seed),
    ]  # fmt: skip
    words += ["--tuned"] if job.tuned else []
    words += ["--steps", str(job.steps)] if job.steps is not None else []
    return words + (["--seconds", str(job.seconds)] if job.seconds is not None else [])


def read_job(about: str | None) -> Job:
    """Read the job of this program from its arguments.

    Args:
        about: What the program is.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--method", choices=METHODS, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("--epochs", type=int, default=MANY_EPOCHS)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    return Job(
        given.data, given.out, given.backbone, given.method, given.size, given.tuned,
        given.epochs, given.steps, given.seconds, given.clock, given.workers, given.device,
        given.seed,
    )  # fmt: skip
