"""The step that ended a run, done again under observation: which layer fails first, and how."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgessl import checkpoint
from edgessl.data.load import load_dataset
from edgessl.device import pick_device
from edgessl.errors import UserError
from edgessl.methods.build import PretrainingMethod, build_method
from edgessl.methods.supervised import Supervised
from edgessl.optim import build_optimizer
from edgessl.pipeline.finetuning import (
    FINETUNE_STAGE,
    LONGER_STAGE,
    RANDOM_STAGE,
    last_stage_alone,
    new_classifier,
    whole_network,
)
from edgessl.pipeline.pretrain import STAGE, new_backbone, pretraining
from edgessl.recipe import Recipe
from edgessl.recipe.stages import pretrain_stages
from edgessl.runs.folder import RunFolder
from edgessl.schedules import Clock
from edgessl.schema import validate
from edgessl.train.place.choose_engine import engine_of_run
from edgessl.train.place.context import Context
from edgessl.train.place.images import images_of
from edgessl.train.place.reporter import Reporter
from edgessl.train.stage.guard import Guard
from edgessl.train.stage.train_stage import Stage, stage_steps

_NUMBERS = {
    "finetune": FINETUNE_STAGE, "finetune_random": RANDOM_STAGE, "finetune_longer": LONGER_STAGE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Replay:
    """What a failed step showed.

    Attributes:
        stage: Name of its stage.
        step: Its number, from 0.
        lr: Its learning rate.
        loss: Its loss.
        gradient_norm: Of all parameters together.
        largest_weight: Largest magnitude before the step.
        largest_name: Which parameter or buffer has it.
        spoilt: Parameters and buffers that were not finite before the step.
        module: The first module whose output is not finite, and its type; empty if none is.
        input_finite: Whether what that module read was finite; True if there is none.
        backward: The first function of the backward pass that gives NaN, where the loss is finite.
    """

    stage: str
    step: int
    lr: float
    loss: float
    gradient_norm: float
    largest_weight: float
    largest_name: str
    spoilt: tuple[str, ...]
    module: str
    input_finite: bool
    backward: str


def replay(dump: Path, reporter: Reporter) -> Replay:
    """Do the failed step again: the same weights, the same images, the same views.

    Args:
        dump: The ``diverged.pt`` of a run folder.
        reporter: Shows progress.

    Raises:
        UserError: It is no such file, or the images are gone or have changed.
    """
    saved = checkpoint.load(dump)
    if "failed_step" not in saved:
        raise UserError(
            f"{dump}: must be the diverged.pt of a run that was stopped for its loss, got another "
            "checkpoint; pass RUN/state/diverged.pt"
        )
    context = _context(dump.absolute().parent.parent, reporter)
    stage, method = _method(context, saved)
    context.engine.place(method)
    method.train()
    method.load_state_dict(saved["module"], strict=True)
    largest, largest_name, spoilt = _weights(method)
    watch = _Watch(method)
    with watch.watching():
        loss, lr = _step(context, stage, method, saved)
    backward = ""
    if not watch.module and not _is_finite(watch.gradient_norm()):
        method.load_state_dict(saved["module"], strict=True)
        backward = _first_backward(context, stage, method, saved)
    return Replay(
        stage.name, saved["failed_step"], lr, loss, float(watch.gradient_norm()), largest,
        largest_name, spoilt, watch.module, watch.input_finite, backward,
    )


def describe_replay(found: Replay) -> str:
    """Tell what a failed step showed, in a few lines."""
    weights = f"largest {found.largest_weight:.3g} in {found.largest_name}"
    if found.spoilt:
        weights = f"{len(found.spoilt)} tensors are not finite, the first {found.spoilt[0]}"
    module = found.module or "none: every module's output is finite"
    if not found.input_finite:
        module += "; what it read is not finite either: the operation before it failed"
    lines = [
        f"step           {found.stage}, step {found.step + 1}, learning rate {found.lr:g}",
        f"weights        {weights}",
        f"fails first    {module}",
        f"loss           {found.loss:g}",
        f"gradient norm  {found.gradient_norm:g}",
    ]
    if found.backward:
        lines.append(f"backward       {found.backward}")
    return "\n".join(lines)


def _context(run_dir: Path, reporter: Reporter) -> Context:
    """Rebuild the run from what its folder records."""
    run = RunFolder.unmade(run_dir)
    known = run.read()
    if not known:
        raise UserError(
            f"{run_dir}: must be the run folder of the dump, found no run.json; "
            "leave diverged.pt where the run wrote it"
        )
    provenance, identity = known["provenance"], known["identity"]
    recipe = validate(Recipe, identity["recipe"], str(run_dir / "run.json"))
    dataset = load_dataset(
        provenance["data"],
        labels=provenance["labels"],
        label_percent=provenance["label_percent"],
        val_percent=provenance["val_percent"],
        max_images=recipe.data.max_images,
        seed=provenance["seed"],
        progress=lambda done, total: reporter.progress("checking images", done, total),
    )
    if dataset.fingerprint != identity["data"]:
        raise UserError(
            f"{provenance['data']}: must hold the images of the run, but they have changed since; "
            "put them back to see the step again"
        )
    device = torch.device(pick_device(known["engine"]["device"]))
    engine = engine_of_run(
        run, recipe, device, compiled=known["engine"]["compiled"], reporter=reporter
    )
    images = images_of(dataset, recipe, reporter, device)
    return Context(run, recipe, dataset, images, engine, identity["seed"], reporter)


def _method(
    context: Context, saved: dict[str, Any]
) -> tuple[Stage, PretrainingMethod | Supervised]:
    """Return what the stage trained, with new weights."""
    name, epochs = saved["stage"], saved["epochs"]
    for number, one in enumerate(pretrain_stages(context.recipe)):
        if name == one.name:
            backbone = new_backbone(context, stage=STAGE, whole=False)
            stage = replace(pretraining(context, one, number), epochs=epochs)
            return stage, build_method(backbone, context.recipe.method)
    classifier = new_classifier(context, FINETUNE_STAGE)
    regrow = context.recipe.finetune.regrow
    if name == "warmup" and regrow is not None:
        return last_stage_alone(context, classifier, regrow)
    return whole_network(context, classifier, name, _NUMBERS[name], epochs)


def _step(
    context: Context, stage: Stage, method: PretrainingMethod | Supervised, saved: dict[str, Any]
) -> tuple[float, float]:
    """Do one step.

    Returns:
        Its loss and its learning rate.
    """
    pretrains = isinstance(method, PretrainingMethod)
    data = context.images.pretraining() if pretrains else context.images.labelled()
    clock = Clock(saved["failed_step"], saved["steps_per_epoch"], stage.epochs, stage.number)
    scaler = context.engine.scaler()
    scaler.load_state_dict(saved["scaler"])
    record = next(
        stage_steps(
            context, stage, method, data, build_optimizer(method, stage.optim), clock,
            lr_factor=Guard(**saved["guard"]).lr_factor, scaler=scaler,
        )
    )
    return record.loss.item(), record.lr


def _weights(module: nn.Module) -> tuple[float, str, tuple[str, ...]]:
    """Return the largest magnitude, where it is, and the names of tensors that are not finite."""
    spoilt, largest, name = [], 0.0, ""
    for key, value in module.state_dict().items():
        if not value.is_floating_point() or not value.numel():
            continue
        size = value.abs().max()
        if not _is_finite(size):
            spoilt.append(key)
        elif float(size) > largest:
            largest, name = float(size), key
    return largest, name, tuple(spoilt)


class _Watch:
    """Looks at every module's output and every parameter's gradient.

    Attributes:
        module: The first module whose output is not finite; empty so far.
        input_finite: Whether what it read was finite.
    """

    def __init__(self, root: nn.Module) -> None:
        self.module = ""
        self.input_finite = True
        self._root = root
        self._norms: dict[str, Tensor] = {}

    def gradient_norm(self) -> Tensor:
        """Return the norm of all gradients together, a scalar."""
        return torch.stack(list(self._norms.values())).norm() if self._norms else torch.zeros(())

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while this is open."""
        handles = []
        for name, module in self._root.named_modules():
            label = f"{name or 'the method'} ({type(module).__name__})"

            def look(_module: nn.Module, read: Any, made: Any, label: str = label) -> None:
                if not self.module and not _is_finite(made):
                    self.module, self.input_finite = label, _is_finite(read)

            handles.append(module.register_forward_hook(look))
        for name, parameter in self._root.named_parameters():
            if parameter.requires_grad:

                def note(changed: Tensor, name: str = name) -> None:
                    if changed.grad is not None:
                        self._norms[name] = changed.grad.float().norm()

                register = parameter.register_post_accumulate_grad_hook
                handles.append(register(note))  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _is_finite(value: Any) -> bool:
    """Say whether all numbers in tensors, lists, tuples and dicts are finite."""
    if isinstance(value, Tensor):
        return bool(value.isfinite().all())
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return all(_is_finite(one) for one in value)
    return True


def _first_backward(
    context: Context, stage: Stage, method: PretrainingMethod | Supervised, saved: dict[str, Any]
) -> str:
    """Return what torch says of the first backward function that gives NaN."""
    with warnings.catch_warnings(), torch.autograd.set_detect_anomaly(True):
        warnings.simplefilter("ignore")  # torch prints the forward call as a warning
        try:
            _step(context, stage, method, saved)
        except RuntimeError as error:
            return str(error).splitlines()[0]
    return "a gradient overflows"
