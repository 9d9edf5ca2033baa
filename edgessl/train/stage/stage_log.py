"""What a stage writes to its log, and shows beside its progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from edgessl.runs.stages import CONFIDENT, TRAIN_TOP1, is_main, own_loss
from edgessl.schedules import Clock
from edgessl.train import StepRecord
from edgessl.train.place.context import Workplace
from edgessl.train.stage.stage import Stage
from edgessl.train.stage.timing import Pace, bottleneck

LINES = 400  # about this many lines of log a stage
VERDICT_AFTER = 8  # log lines, and
VERDICT_AFTER_S = 20.0  # seconds of training, after which the pace is worth a sentence


class StageLog:
    """Writes down what steps and monitor find, and tells the latest of it.

    Args:
        context: The run.
        stage: What is trained.
        step: Steps done before; the pace was told then.
    """

    def __init__(self, context: Workplace, stage: Stage, step: int) -> None:
        self._context = context
        self._stage = stage
        self._watched: dict[str, float] = {}
        self._loss, self._loss_name = float("nan"), "loss"
        self._right: float | None = None  # percent of the labels, where there are any
        self._confident: float | None = None  # percent of the pseudo-labels, likewise
        finished = context.run.read().get("finished", {})
        self._told = step > 0 or not is_main(stage.name) or any(map(is_main, finished))

    def step(self, record: StepRecord, pace: Pace) -> None:
        """Write down a step. On a GPU this waits for it.

        Args:
            record: Of the step.
            pace: What the time went to.
        """
        context, clock = self._context, record.clock
        pace.settle()
        self._loss = record.loss.item()  # .item() waits for a GPU: once per log line
        place = {"stage": self._stage.name, "step": clock.step}
        epoch = self._stage.epochs_before + clock.step / clock.steps_per_epoch
        entry = {**place, "epoch": round(epoch, 4),
                 "loss": self._loss, "lr": record.lr,
                 **{name: value.item() for name, value in record.log.items()}}  # fmt: skip
        self._loss_name = _name_of_loss(entry)
        self._right = cast(float | None, entry.get(TRAIN_TOP1))
        self._confident = cast(float | None, entry.get(CONFIDENT))
        if record.skipped:
            entry = {**place, "skipped": True, "loss": str(self._loss), "lr": record.lr}
            context.reporter.say(
                f"{self._stage.name}, step {clock.step}: the loss is {self._loss}; "
                "the step is skipped."
            )
        context.run.log(entry)
        context.run.log({**place, **pace.facts()}, "timing.jsonl")
        facts = pace.meter.facts()
        if not self._told and pace.lines >= VERDICT_AFTER and facts["seconds"] >= VERDICT_AFTER_S:
            self._told = True
            context.reporter.say(bottleneck(facts, context.device.type))

    def watched(self, clock: Clock, figures: Mapping[str, float]) -> None:
        """Write down what the monitor found.

        Args:
            clock: Where the stage is.
            figures: As it calls them.
        """
        self._watched = dict(figures)
        epoch = self._stage.epochs_before + clock.epoch
        self._context.run.log(
            {"stage": self._stage.name, "step": clock.step, "epoch": epoch, **figures}
        )

    def rolled_back(self, step: int, lr_factor: float) -> None:
        """Write down, and tell, that the stage returned to an earlier state.

        Args:
            step: Of that state.
            lr_factor: The scheduled learning rate is multiplied by it from there on.
        """
        place = {"stage": self._stage.name, "step": step}
        self._context.run.log({**place, "rolled_back": True, "lr_factor": lr_factor})
        self._context.reporter.say(
            f"The loss stayed not finite: back to step {step}, with the learning rate times "
            f"{lr_factor:g}."
        )

    def note(self, clock: Clock, pace: Pace, health: str) -> str:
        """Return the latest figures in a line.

        Args:
            clock: Where the stage is.
            pace: What the time goes to.
            health: How the outputs are, in a word; empty where nobody looks.
        """
        facts = pace.facts()
        watched = "".join(
            f" · {_LABELS[key]} {value:.1f} %"
            for key, value in self._watched.items() if key in _LABELS
        )
        if self._confident is not None:
            watched = f" · confident {self._confident:.0f} %{watched}"
        if self._right is not None:
            watched = f" · top-1 on train {self._right:.1f} %{watched}"
        return (
            f"epoch {clock.epoch}/{clock.epochs} · {self._loss_name} {self._loss:.3f} · "
            f"{facts['images_per_s']:.0f} img/s · data {100 * facts['data_share']:.0f} %"
            f"{watched}{f' · {health}' if health else ''}"
        )


_LABELS = {
    "knn_top1": "kNN on val", "val_top1": "top-1 on val", "val_map": "mAP on val",
    "val_ap50": "AP50 on val", "val_miou": "mIoU on val",
    "retrieval_top1": "positive pairs found",
}  # fmt: skip


def _name_of_loss(entry: Mapping[str, Any]) -> str:
    """Call a loss the total where it holds more than the method's own term, which is plotted."""
    own = entry[own_loss(entry)]
    return "loss" if math.isclose(own, entry["loss"], rel_tol=1e-4) else "total loss"
