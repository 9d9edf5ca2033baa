"""What a study would take, before any of its runs starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.errors import EdgesslError, Interrupted, UserError
from edgessl.pipeline.dense.transfer_plan import plan_transfer
from edgessl.pipeline.recipe import plan as plan_run
from edgessl.pipeline.study.asked import RUNS, Asked, Counting, prepare_study
from edgessl.pipeline.study.job import Pretraining, Transferring, Tuning
from edgessl.pipeline.study.one_run import pretraining_of, whole_run_of
from edgessl.pipeline.study.protocol import transfer_of
from edgessl.pipeline.study.row_job import job_of
from edgessl.pipeline.study.wanted import Wanted
from edgessl.recipe import load_recipe
from edgessl.reporter import Reporter, Silent, speaking
from edgessl.start.source import NONE


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """What a study would take.

    Attributes:
        rows: How many numbers.
        pretrainings: Runs that pretrain, each once; name and minutes.
        tunings: How many fine-tunings.
        transfers: How many papers' detectors and segmenters.
        minutes: Of all of them, about.
        refused: Rows that cannot be run, and why.
    """

    rows: int
    pretrainings: tuple[tuple[str, float], ...]
    tunings: int
    transfers: int
    minutes: float
    refused: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        return {
            "rows": self.rows,
            "pretrainings": [
                {"run": folder, "minutes": minutes} for folder, minutes in self.pretrainings
            ],
            "tunings": self.tunings,
            "transfers": self.transfers,
            "minutes": self.minutes,
            "refused": [{"row": name, "why": why} for name, why in self.refused],
        }


def plan_study(wanted: Wanted, reporter: Reporter | None = None) -> StudyPlan:
    """Say what a study would take; train and write nothing.

    Args:
        wanted: By the user.
        reporter: Is told what goes on; None prints it.
    """
    found, asked, where = prepare_study(wanted)
    runs: dict[Pretraining, float] = {}
    tunings: dict[Tuning, float] = {}
    transfers: dict[Transferring, float] = {}
    refused: list[tuple[str, str]] = []
    with speaking(reporter) as tell:
        counts = Counting(tell)
        for row in found.rows:
            try:
                job = job_of(row, found, asked, counts)
                if row.missing:
                    raise UserError(row.missing)
                for one in job.pretrainings:
                    if one not in runs:
                        tell.say(f"measuring {one.folder}")
                        runs[one] = _minutes(one, asked, where)
                if job.tuning is not None and job.tuning not in tunings:
                    tunings[job.tuning] = _tuning_minutes(job.tuning, asked, where)
                if job.under is not None and job.under not in transfers:
                    transfers[job.under] = _transfer_minutes(job.under, asked, where)
            except Interrupted:
                raise
            except EdgesslError as error:
                refused.append((row.name, str(error)))
    return StudyPlan(
        len(found.rows), tuple((one.folder, minutes) for one, minutes in runs.items()),
        len(tunings), len(transfers),
        sum(sum(one.values()) for one in (runs, tunings, transfers)), tuple(refused),
    )  # fmt: skip


def _minutes(one: Pretraining, asked: Asked, where: Path) -> float:
    planned = plan_run(pretraining_of(one, asked, where / RUNS), Silent())
    return 0.0 if planned is None else planned.minutes


def _tuning_minutes(one: Tuning, asked: Asked, where: Path) -> float:
    """Measure a fine-tuning as what a run of its recipe takes beyond an epoch of pretraining."""
    planned = plan_run(whole_run_of(one, asked, where / RUNS), Silent())
    if planned is None or not planned.finetune_images_per_s:
        return 0.0
    batch = load_recipe(one.recipe, overrides=one.overrides).finetune.batch_size
    return planned.finetune_steps * batch / planned.finetune_images_per_s / 60.0


def _transfer_minutes(one: Transferring, asked: Asked, where: Path) -> float:
    """Measure a transfer from random weights: the real ones may not be there yet."""
    wanted = transfer_of(one, asked, where / RUNS, NONE)
    return plan_transfer(one.task, wanted, Silent()).minutes
