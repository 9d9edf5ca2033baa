"""One training stage of a run: resumed where it stopped, logged, watched, saved."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from edgessl.backbones import Backbone
from edgessl.device import freed_memory_kept
from edgessl.errors import EdgesslError, Interrupted
from edgessl.methods.method import Method
from edgessl.optim import build_optimizer, layer_scales
from edgessl.recipe.optim_tables import Optim
from edgessl.recipe.view_tables import ViewGroup
from edgessl.runs.stages import CONFIDENT, TRAIN_TOP1, StageId, is_main, is_pretraining, own_loss
from edgessl.schedules import Clock
from edgessl.train import StepRecord, TrainingData, fit, step_images, steps_per_epoch
from edgessl.train.health.told import Watcher, refuse_collapsed, tell
from edgessl.train.loop.fit import Sampler
from edgessl.train.place.context import Context, Workplace
from edgessl.train.place.processes import ask, batch_parts, receive, send
from edgessl.train.stage.best_epoch import BestEpoch
from edgessl.train.stage.guard import Verdict, diverged, failure
from edgessl.train.stage.state import StageState
from edgessl.train.stage.state_table import refuse_damaged
from edgessl.train.stage.stop_request import StopRequest
from edgessl.train.stage.timing import Meter, Pace, bottleneck
from edgessl.views import ViewSampler
from edgessl.views.corruption import Corruption
from edgessl.views.split_sampler import SplitSampler

LOG_LINES = 400  # about this many lines of log a stage
_LEAVE = 1 << 16  # above all signals: leave the loop and wait for the next state
VERDICT_AFTER = 8  # log lines, and
VERDICT_AFTER_S = 20.0  # seconds of training, after which the pace is worth a sentence

Watch = Callable[[Clock], dict[str, float] | None]
"""Called after every epoch; the figures it returns are logged."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage trains.

    Attributes:
        what: Its name, number and file.
        epochs: Passes over the data.
        batch_size: Images in a step; a smaller set is one batch.
        groups: Groups of views.
        optim: Optimiser and schedules.
        accumulate: Micro-batches in a step.
        batchnorm_groups: Groups of each micro-batch that BN is computed over.
        keeps_end: Whether its last state is kept, so that it can be made longer, or the next
            stage of pretraining can go on from it.
        epochs_before: Epochs of the stages of pretraining before it; the log counts them in.
        optim_key: Where the recipe gives ``optim``.
        layer_decay: Share of the next stage's learning rate that each stage of the backbone has.
        corruption: How its images are degraded; None to leave them.
        beside: Groups of views of the images without label, where some stand beside the others.
        ratio: Of those for each labelled one in a step.
        sampler: Makes the batches instead of ``groups`` and the recipe's normalisation.
    """

    what: StageId
    epochs: int
    batch_size: int
    groups: tuple[ViewGroup, ...]
    optim: Optim
    accumulate: int = 1
    batchnorm_groups: int = 1
    keeps_end: bool = False
    epochs_before: int = 0
    optim_key: str = "finetune.optim"
    layer_decay: float = 1.0
    corruption: Corruption | None = None
    beside: tuple[ViewGroup, ...] = ()
    ratio: int = 0
    sampler: Sampler | None = None

    @property
    def name(self) -> str:
        """In the log and in run.json."""
        return self.what.name


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
    optimizer = _prepare(context, stage, module)
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
            _roll_back(context, stage, state)
    send(context.world, None)
    return state.meter


def follow_stage(context: Context, stage: Stage, module: nn.Module) -> None:
    """Train a stage on this process's part of every batch, as the first process says.

    Args:
        context: The run, as this process knows it.
        stage: What to train.
        module: The method; its weights come with the first state.

    Raises:
        Interrupted: Ctrl-C or SIGTERM, after the first process has saved.
    """
    data = _images(context, stage)
    method, optimizer = cast(Method, module), _prepare(context, stage, module)
    scaler, stop = context.engine.scaler(), StopRequest()
    with stop.listening(), freed_memory_kept():
        while (state := receive(context.world)) is not None:
            module.load_state_dict(state["module"], strict=True)
            optimizer.load_state_dict(state["optimizer"])
            scaler.load_state_dict(state["scaler"])
            clock = _clock(stage, data, state["step"])
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


def _images(context: Context, stage: Stage) -> TrainingData:
    """The images of a stage, as the first process has them."""
    if is_pretraining(stage.name):
        return context.images.pretraining()
    return context.images.mixed(stage.ratio) if stage.beside else context.images.labelled()


def _prepare(context: Workplace, stage: Stage, module: nn.Module) -> torch.optim.Optimizer:
    context.engine.place(module)
    module.train()
    if context.engine.compiled:
        _compile_backbones(module)
    return build_optimizer(module, stage.optim, _scales(module, stage.layer_decay))


def _scales(module: nn.Module, layer_decay: float) -> Mapping[str, float]:
    """Return the share of the learning rate of parameters that have not all of it, by name."""
    if layer_decay == 1:
        return {}
    net = cast(Method, module).backbone.net
    names = {id(param): name for name, param in module.named_parameters()}
    scales = layer_scales(net, layer_decay)
    return {names[id(param)]: scales[name] for name, param in net.named_parameters()}


def _clock(stage: Stage, data: TrainingData, step: int) -> Clock:
    per_epoch = steps_per_epoch(len(data), stage.batch_size)
    return Clock(step, per_epoch, stage.epochs, stage.what.number)


def _batch_size(context: Workplace, stage: Stage, data: TrainingData) -> int:
    """Images in a step, of all processes."""
    parts = batch_parts(
        context.world, accumulate=stage.accumulate, groups=stage.batchnorm_groups
    )
    return step_images(len(data), stage.batch_size, parts)


def _images_in_step(context: Workplace, stage: Stage, data: TrainingData) -> int:
    """Images in a step, those without label too."""
    own = _batch_size(context, stage, data)
    return data.images_in_step(own, stage.accumulate * context.world.size)


def stage_steps(
    context: Workplace,
    stage: Stage,
    method: Method,
    data: TrainingData,
    optimizer: torch.optim.Optimizer,
    clock: Clock,
    *,
    lr_factor: float,
    scaler: torch.amp.GradScaler,
) -> Iterator[StepRecord]:
    """Train a stage from a clock on, one record a step.

    Args:
        context: The run.
        stage: What to train.
        method: The method, in training mode on the device.
        data: Its images.
        optimizer: Updates it.
        clock: Where to start.
        lr_factor: The scheduled learning rate is multiplied by it.
        scaler: Of fp16 gradients.
    """
    sampler = stage.sampler or _views(cast(Context, context), stage, data)
    return fit(
        method, data, sampler, optimizer, stage.optim,
        clock=clock, batch_size=_batch_size(context, stage, data), seed=context.seed,
        engine=context.engine, accumulate=stage.accumulate, lr_factor=lr_factor,
        batchnorm_groups=stage.batchnorm_groups, scaler=scaler,
    )  # fmt: skip


def _views(context: Context, stage: Stage, data: TrainingData) -> Sampler:
    image, layout = context.recipe.image, context.engine.memory_format
    own = ViewSampler(stage.groups, image.mean, image.std, layout, stage.corruption)
    if data.labelled is None:
        return own
    others = ViewSampler(stage.beside, image.mean, image.std, layout)
    return SplitSampler(own, others, data.labelled)


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
        self._watched: dict[str, float] = {}
        self._loss, self._loss_name = float("nan"), "loss"
        self._right: float | None = None  # percent of the labels, where there are any
        self._confident: float | None = None  # percent of the pseudo-labels, likewise
        finished = context.run.read().get("finished", {})
        self._told = state.step > 0 or not is_main(stage.name) or any(map(is_main, finished))

    def advance(self) -> bool:
        """Train from the state to the end of the stage.

        Returns:
            False if the state has to be restored first.
        """
        context, stage, state = self._context, self._stage, self._state
        if self._ended:  # and was stopped before that was on record
            return True
        send(context.world, {**state.payload(), "lr_factor": state.guard.lr_factor})
        clock = _clock(stage, self._data, state.step)
        per_epoch = clock.steps_per_epoch
        batch_size = _images_in_step(context, stage, self._data)
        log_every = max(1, clock.total_steps // LOG_LINES)
        pace = Pace(state.meter)
        for record in stage_steps(
            context, stage, self._method, self._data, self._optimizer, clock,
            lr_factor=state.guard.lr_factor, scaler=state.scaler,
        ):  # fmt: skip
            clock = record.clock
            pace.add(record, batch_size)
            if record.skipped or clock.step % log_every == 0 or clock.step == clock.total_steps:
                self._log(record, pace)
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
                    self._monitor(clock)
            context.reporter.progress(
                stage.name, clock.step, clock.total_steps, self._note(clock, pace)
            )
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

    @property
    def _ended(self) -> bool:
        return self._choice is not None and self._choice.ended

    def _log(self, record: StepRecord, pace: Pace) -> None:
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

    def _monitor(self, clock: Clock) -> None:
        figures = self._watch(clock) if self._watch is not None else None
        if figures:
            self._watched = figures
            epoch = self._stage.epochs_before + clock.epoch
            self._context.run.log(
                {"stage": self._stage.name, "step": clock.step, "epoch": epoch, **figures}
            )

    def _note(self, clock: Clock, pace: Pace) -> str:
        facts = pace.facts()
        watched = "".join(
            f" · {_LABELS[key]} {value:.1f} %"
            for key, value in self._watched.items() if key in _LABELS
        )
        if self._confident is not None:
            watched = f" · confident {self._confident:.0f} %{watched}"
        if self._right is not None:
            watched = f" · top-1 on train {self._right:.1f} %{watched}"
        health = f" · {self._doctor.word_to_show}" if self._doctor is not None else ""
        return (
            f"epoch {clock.epoch}/{clock.epochs} · {self._loss_name} {self._loss:.3f} · "
            f"{facts['images_per_s']:.0f} img/s · data {100 * facts['data_share']:.0f} %"
            f"{watched}{health}"
        )


_LABELS = {
    "knn_top1": "kNN on val", "val_top1": "top-1 on val",
    "val_ap50": "AP50 on val", "val_miou": "mIoU on val",
    "retrieval_top1": "positive pairs found",
}  # fmt: skip


def _name_of_loss(entry: Mapping[str, Any]) -> str:
    """Call a loss the total where it holds more than the method's own term, which is plotted."""
    own = entry[own_loss(entry)]
    return "loss" if math.isclose(own, entry["loss"], rel_tol=1e-4) else "total loss"


def _roll_back(context: Workplace, stage: Stage, state: StageState) -> None:
    """Return to an earlier state with half the learning rate, and tell."""
    state.roll_back()
    factor = state.guard.lr_factor
    context.run.log(
        {"stage": stage.name, "step": state.step, "rolled_back": True, "lr_factor": factor}
    )
    context.reporter.say(
        f"The loss stayed not finite: back to step {state.step}, with the learning rate times "
        f"{factor:g}."
    )


def _compile_backbones(module: nn.Module) -> None:
    for child in module.modules():
        if isinstance(child, Backbone):
            child.net.compile()  # in place, so that state dicts keep their keys
