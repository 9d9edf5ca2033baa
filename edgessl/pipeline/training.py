"""One training stage of a run: resumed where it stopped, logged, watched, saved."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from types import FrameType

import torch
from torch import nn

from edgessl.errors import Interrupted
from edgessl.methods.method import Method
from edgessl.optim import build_optimizer
from edgessl.pipeline.context import Context
from edgessl.recipe.optim_tables import Optim
from edgessl.recipe.view_tables import ViewGroup
from edgessl.schedules import Clock
from edgessl.train import StepRecord, TrainingData, fit, steps_per_epoch
from edgessl.views import ViewSampler

SAVE_EVERY_S = 60.0
LOG_LINES = 400  # about this many lines of log a stage
WARMUP_STEPS = 5  # oneDNN's first steps are slow; they would spoil the rate


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage trains.

    Attributes:
        name: Its name in the log and in run.json.
        number: Its number; stages with different numbers share no random draws.
        epochs: Passes over the data.
        batch_size: Images in a step; a smaller set is one batch.
        groups: Groups of views.
        optim: Optimiser and schedules.
    """

    name: str
    number: int
    epochs: int
    batch_size: int
    groups: tuple[ViewGroup, ...]
    optim: Optim


@dataclass(slots=True)
class Meter:
    """Wall time of a stage, kept over interruptions.

    Attributes:
        seconds: Time in steps.
        data_seconds: Share of it outside forward, backward, optimiser and EMA.
        images: Images trained on.
        watch_seconds: Time of the monitor, outside steps.
    """

    seconds: float = 0.0
    data_seconds: float = 0.0
    images: int = 0
    watch_seconds: float = 0.0

    def facts(self) -> dict[str, float]:
        """Return throughput in plain values."""
        return {
            "seconds": round(self.seconds + self.watch_seconds, 2),
            "images_per_s": round(self.images / self.seconds, 2) if self.seconds else 0.0,
            "data_share": round(self.data_seconds / self.seconds, 4) if self.seconds else 0.0,
            "monitor_share": round(self.watch_seconds / (self.seconds + self.watch_seconds), 4)
            if self.seconds
            else 0.0,
        }


class _StopRequest:
    """Remembers the first Ctrl-C or SIGTERM, so that a step is never cut in two."""

    def __init__(self) -> None:
        self.number = 0

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.number = number

    @contextmanager
    def listening(self) -> Iterator[None]:
        try:
            before = {
                number: signal.signal(number, self._remember)
                for number in (signal.SIGINT, signal.SIGTERM)
            }
        except ValueError:  # not in the main thread, where Python allows no handlers
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def train_stage(
    context: Context,
    stage: Stage,
    method: Method,
    module: nn.Module,
    data: TrainingData,
    watch: Callable[[Clock], dict[str, float] | None] | None = None,
) -> Meter:
    """Train a method to the end of its stage, from where an earlier run of it stopped.

    Args:
        context: The run.
        stage: What to train.
        method: The method, with the weights the stage starts from.
        module: The same object as a module: what is saved.
        data: Its images.
        watch: Called after every epoch; the figures it returns are logged.

    Raises:
        Interrupted: Ctrl-C or SIGTERM, after saving.
    """
    run, reporter = context.run, context.reporter
    context.place(module)
    module.train()
    per_epoch = steps_per_epoch(len(data), stage.batch_size)
    batch_size = min(stage.batch_size, len(data))
    optimizer = build_optimizer(module, stage.optim)
    step, meter = _restore(context, stage.name, module, optimizer)
    clock = Clock(step, per_epoch, stage.epochs, stage.number)
    sampler = ViewSampler(
        stage.groups, context.recipe.image.mean, context.recipe.image.std, context.memory_format
    )
    log_every = max(1, clock.total_steps // LOG_LINES)
    saved_at, recent, stop = perf_counter(), _Recent(), _StopRequest()
    with stop.listening():
        for record in fit(
            method, data, sampler, optimizer, stage.optim,
            clock=clock, batch_size=batch_size, seed=context.seed, device=context.device,
        ):
            clock = record.clock
            recent.add(record, batch_size)
            meter.seconds += record.seconds
            meter.data_seconds += record.data_seconds
            meter.images += batch_size
            if clock.step % log_every == 0 or clock.step == clock.total_steps:
                recent.loss = record.loss.item()  # .item() waits for a GPU: once per log line
                run.log(_entry(stage.name, record, recent.loss))
                run.log(
                    {"stage": stage.name, "step": clock.step, **recent.facts()}, "timing.jsonl"
                )
            if watch is not None and clock.step % per_epoch == 0:
                began = perf_counter()
                figures = watch(clock)
                if figures:
                    recent.watched = figures
                    run.log({"stage": stage.name, "step": clock.step, "epoch": clock.epoch,
                             **figures})
                meter.watch_seconds += perf_counter() - began
            reporter.progress(stage.name, clock.step, clock.total_steps, recent.note(clock))
            if stop.number or perf_counter() - saved_at > SAVE_EVERY_S:
                _save(context, stage.name, clock.step, module, optimizer, meter)
                saved_at = perf_counter()
            if stop.number:
                raise Interrupted(
                    f"stopped in {stage.name} at step {clock.step} of {clock.total_steps}; "
                    "the same command goes on from there",
                    stop.number,
                )
    return meter


class _Recent:
    """Figures of the last steps, for the progress line."""

    def __init__(self) -> None:
        self.loss = float("nan")
        self.watched: dict[str, float] = {}
        self._steps: list[tuple[float, float, int]] = []
        self._seen = 0

    def add(self, record: StepRecord, images: int) -> None:
        self._seen += 1
        if self._seen == WARMUP_STEPS:
            self._steps.clear()
        self._steps.append((record.seconds, record.data_seconds, images))
        del self._steps[:-50]

    def facts(self) -> dict[str, float]:
        seconds = sum(step[0] for step in self._steps)
        return {
            "images_per_s": round(sum(step[2] for step in self._steps) / seconds, 2),
            "data_share": round(sum(step[1] for step in self._steps) / seconds, 4),
        }

    def note(self, clock: Clock) -> str:
        facts = self.facts()
        watched = "".join(f" · {_LABELS.get(k, k)} {v:.1f} %" for k, v in self.watched.items())
        return (
            f"epoch {clock.epoch}/{clock.epochs} · loss {self.loss:.3f} · "
            f"{facts['images_per_s']:.0f} img/s · data {100 * facts['data_share']:.0f} %{watched}"
        )


_LABELS = {"knn_top1": "kNN on val", "val_top1": "top-1 on val"}


def _entry(stage: str, record: StepRecord, loss: float) -> dict[str, object]:
    clock = record.clock
    return {
        "stage": stage,
        "step": clock.step,
        "epoch": round(clock.step / clock.steps_per_epoch, 4),
        "loss": loss,
        "lr": record.lr,
        **{name: value.item() for name, value in record.log.items()},
    }


def _save(
    context: Context,
    stage: str,
    step: int,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    meter: Meter,
) -> None:
    context.run.save_state(
        {
            "stage": stage,
            "step": step,
            "module": module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "meter": [meter.seconds, meter.data_seconds, meter.images, meter.watch_seconds],
        }
    )


def _restore(
    context: Context, stage: str, module: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[int, Meter]:
    state = context.run.load_state(stage)
    step = 0 if state is None else int(state["step"])
    context.run.cut_log(stage, step)
    if state is None:
        return 0, Meter()
    module.load_state_dict(state["module"], strict=True)
    optimizer.load_state_dict(state["optimizer"])
    context.reporter.say(f"Going on with {stage} from step {step}.")
    return step, Meter(*state["meter"])
