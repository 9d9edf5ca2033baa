"""One training stage of a run: resumed where it stopped, logged, watched, saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import nn

from edgessl.device import freed_memory_kept
from edgessl.errors import EdgesslError, Interrupted
from edgessl.methods.method import Method
from edgessl.schedules import Clock
from edgessl.train import StepRecord, TrainingData
from edgessl.train.health.told import Watcher, refuse_collapsed, tell
from edgessl.train.place.context import Workplace
from edgessl.train.place.processes import ask, receive, send
from edgessl.train.stage.best_epoch import BestEpoch
from edgessl.train.stage.guard import Verdict, diverged, failure
from edgessl.train.stage.memory_watch import MemoryWatch
from edgessl.train.stage.stage import (
    Stage,
    clock_of,
    images_in_step,
    prepare,
    stage_images,
    stage_steps,
)
from edgessl.train.stage.stage_log import LINES, StageLog
from edgessl.train.stage.state import StageState
from edgessl.train.stage.state_table import refuse_damaged
from edgessl.train.stage.stop_request import StopRequest
from edgessl.train.stage.timing import Meter, Pace

_LEAVE = 1 << 16  # above all signals: leave the loop and wait for the next state

Watch = Callable[[Clock], dict[str, float] | None]
"""Called after every epoch; the figures it returns are logged."""


def train_stage(
    context: Workplace,
    stage: Stage,
    method: Method,
    module: nn.Module,
    data: TrainingData,
    watch: Watch | None = None,
    doctor: Watcher | None = None,
    *,
    choice: BestEpoch | None = None,
    must_go_on: EdgesslError | None = None,
) -> Meter:
    """Train a method to the end of its stage, from where an earlier run of it stopped.

    Args:
        context: The run.
        stage: What to train.
        method: The method, with the weights the stage starts from.
        module: The same object as a module: what is saved.
        data: Its images.
        watch: The monitor.
        doctor: Says whether the outputs collapse; None where nothing can.
        choice: Told by the monitor which epochs are good; may end the stage.
        must_go_on: Why the stage cannot start from its beginning; None where it can.

    Raises:
        EdgesslError: It cannot start from its beginning, and would have to.
        Interrupted: Ctrl-C or SIGTERM, after saving.
        GateFailed: The loss stays not finite, in spite of rollbacks, or the outputs have collapsed
            and that is to end the run; now or in an earlier run.
    """
    if kept := context.run.load_diverged(stage.name):
        refuse_damaged(kept, context.run.diverged)
        raise failure(kept, context.run.diverged)
    ask(context, follow_stage, stage, module)
    optimizer = prepare(context, stage, module)
    state = StageState(
        context.run, stage.name, module, optimizer, context.engine.scaler(), context.reporter.say,
        doctor, choice,
    )
    if not state.restore():
        if must_go_on is not None:
            raise must_go_on
        state.save(0)  # so that there is always something to roll back to
    elif state.step:
        context.reporter.say(f"Going on with {stage.name} from step {state.step}.")
    refuse_collapsed(stage.name, doctor, state.step)
    training = _Training(context, stage, method, data, optimizer, state, watch, doctor, choice)
    with training.stop.listening(), freed_memory_kept():
        while not training.advance():
            training.roll_back()
    send(context.world, None)
    return state.meter


def follow_stage(context: Workplace, stage: Stage, module: nn.Module) -> None:
    """Train a stage on this process's part of every batch, as the first process says.

    Args:
        context: The run, as this process knows it.
        stage: What to train.
        module: The method; its weights come with the first state.

    Raises:
        Interrupted: Ctrl-C or SIGTERM, after the first process has saved.
    """
    data = stage_images(context, stage)
    method, optimizer = cast(Method, module), prepare(context, stage, module)
    scaler, stop = context.engine.scaler(), StopRequest()
    with stop.listening(), freed_memory_kept():
        while (state := receive(context.world)) is not None:
            module.load_state_dict(state["module"], strict=True)
            optimizer.load_state_dict(state["optimizer"])
            scaler.load_state_dict(state["scaler"])
            clock = clock_of(stage, data, state["step"])
            for _ in stage_steps(
                context, stage, method, data, optimizer, clock,
                lr_factor=state["lr_factor"], scaler=scaler,
            ):  # fmt: skip
                order = context.world.highest(stop.number)
                if order == _LEAVE:
                    break
                if order:
                    context.world.wait()
                    interrupted = Interrupted("stopped with the first process", order)
                    interrupted.told = True  # by the first process
                    raise interrupted


def _watched(
    context: Workplace, stage: Stage, images: int, steps: Iterator[StepRecord]
) -> Iterator[StepRecord]:
    """Give the steps of a stage; on a CPU, see whether the first one fits into memory."""
    if context.device.type == "cpu" and not context.engine.compiled:
        with MemoryWatch(stage, images).looking():
            first = next(steps, None)
        if first is None:
            return
        yield first
    yield from steps


class _Training:
    """One stage under way."""

    def __init__(
        self,
        context: Workplace,
        stage: Stage,
        method: Method,
        data: TrainingData,
        optimizer: torch.optim.Optimizer,
        state: StageState,
        watch: Watch | None,
        doctor: Watcher | None = None,
        choice: BestEpoch | None = None,
    ) -> None:
        self.stop = StopRequest()
        self._context = context
        self._stage = stage
        self._method = method
        self._data = data
        self._optimizer = optimizer
        self._state = state
        self._watch = watch
        self._doctor = doctor
        self._choice = choice
        self._log = StageLog(context, stage, state.step)

    def advance(self) -> bool:
        """Train from the state to the end of the stage.

        Returns:
            False if the state has to be restored first.
        """
        context, stage, state = self._context, self._stage, self._state
        if self._ended:  # and was stopped before that was on record
            return True
        send(context.world, {**state.payload(), "lr_factor": state.guard.lr_factor})
        clock = clock_of(stage, self._data, state.step)
        per_epoch = clock.steps_per_epoch
        batch_size = images_in_step(context, stage, self._data)
        log_every = max(1, clock.total_steps // LINES)
        pace = Pace(state.meter)
        for record in _watched(context, stage, batch_size, stage_steps(
            context, stage, self._method, self._data, self._optimizer, clock,
            lr_factor=state.guard.lr_factor, scaler=state.scaler,
        )):  # fmt: skip
            clock = record.clock
            pace.add(record, batch_size)
            if record.skipped or clock.step % log_every == 0 or clock.step == clock.total_steps:
                self._log.step(record, pace)
            match state.guard.judge(record.skipped):
                case Verdict.ROLL_BACK:
                    context.world.highest(_LEAVE)
                    return False
                case Verdict.STOP:
                    context.world.highest(_LEAVE)
                    kept = diverged(
                        state.payload(), record.clock, record.loss, record.lr, stage.optim_key
                    )
                    context.run.save_diverged(kept)
                    raise failure(kept, context.run.diverged)
            if self._doctor is not None and (found := self._doctor.look(record)):
                tell(context, stage.name, clock, stage.epochs_before, found)
                if self._doctor.ends_run and self._doctor.ill:
                    context.world.highest(_LEAVE)
                    state.save(clock.step)
                    refuse_collapsed(stage.name, self._doctor, clock.step)
            epoch_ended = clock.step % per_epoch == 0
            if self._watch is not None and epoch_ended:
                with pace.aside("monitor"):
                    if figures := self._watch(clock):
                        self._log.watched(clock, figures)
            health = self._doctor.word_to_show if self._doctor is not None else ""
            note = self._log.note(clock, pace, health)
            context.reporter.progress(stage.name, clock.step, clock.total_steps, note)
            ended = _LEAVE if epoch_ended and self._ended else 0
            # On all processes after this step.
            order = context.world.highest(self.stop.number or ended)
            stop = order if order != _LEAVE else 0
            if order or state.due(epoch_ended):
                with pace.aside("save"):
                    state.save(clock.step)
            if stop:
                context.world.wait()  # none ends before the state is saved
                raise Interrupted(
                    f"stopped in {stage.name} at step {state.step} of {clock.total_steps}; "
                    "the same command goes on from there",
                    stop,
                )
            if order == _LEAVE:
                break
        pace.settle()
        if stage.keeps_end:
            state.keep_end(clock.step)
        return True

    def roll_back(self) -> None:
        """Return to an earlier state with half the learning rate, and tell."""
        self._state.roll_back()
        self._log.rolled_back(self._state.step, self._state.guard.lr_factor)

    @property
    def _ended(self) -> bool:
        return self._choice is not None and self._choice.ended
