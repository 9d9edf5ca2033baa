"""The processes of a run: the first tells the story, the others help it to train."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from math import lcm
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import torch

from edgessl.data.dataset import Dataset
from edgessl.device import pick_device
from edgessl.distributed import World
from edgessl.errors import EdgesslError, UserError
from edgessl.recipe import Recipe
from edgessl.reporter import Silent
from edgessl.runs.folder import RunFolder
from edgessl.train import Engine
from edgessl.train.place.choose_engine import describe_engine
from edgessl.train.place.context import Context, Workplace
from edgessl.train.place.engine_times import FORMATS
from edgessl.train.place.images import Images


def device_of(name: str, world: World) -> torch.device:
    """Return the device of this process: on GPUs, one each.

    Args:
        name: One of ``device.NAMES``.
        world: The processes.

    Raises:
        UserError: There are not enough devices.
    """
    kind = pick_device(name)
    if world.size == 1 or kind == "cpu":
        return torch.device(kind)
    here = int(os.environ.get("LOCAL_WORLD_SIZE", str(world.size)))
    there = torch.cuda.device_count() if kind == "cuda" else 1
    if here > there:
        raise UserError(
            f"--nproc-per-node: must be at most the {there} {kind} device(s) of this machine, got "
            f"{here}; start fewer processes, or pass --device cpu"
        )
    device = torch.device(kind, world.local_rank)
    torch.cuda.set_device(device)
    return device


def batch_parts(world: World, *, accumulate: int, groups: int) -> int:
    """Return the number that a batch must be divisible by.

    Args:
        world: The processes, with equal parts of every micro-batch.
        accumulate: Micro-batches in a step.
        groups: Groups of BN, equal parts of every micro-batch too.
    """
    parts = lcm(world.size, groups)
    return accumulate * parts if parts > 1 else 1


Arguments = ParamSpec("Arguments")
Essentials = tuple[dict[str, Any], int, str]
"""How is computed, the seed, and the run folder."""


def lead(context: Context) -> None:
    """Tell the other processes what the run is; they follow from now on."""
    send(context.world, (_essentials(context), context.dataset, context.recipe,
                         context.images.size_px))  # fmt: skip


def lead_at(place: Workplace) -> None:
    """Tell the other processes of a run whose stages bring their own images; they follow."""
    send(place.world, _essentials(place))


def _essentials(place: Workplace) -> Essentials:
    return describe_engine(place.engine), place.seed, str(place.run.path)


def ask(
    context: Workplace,
    work: Callable[Concatenate[Any, Arguments], None],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> None:
    """Ask the other processes to do something; the caller does its own part of it.

    Args:
        context: The run.
        work: A function of a module; they call it with a place of their own, a ``Context`` where
            that is what leads.
        *args: Sent to them; modules on any device arrive on the CPU.
        **kwargs: Sent to them.
    """
    send(context.world, (work, args, kwargs))


def dismiss(world: World) -> None:
    """Let the other processes end well."""
    send(world, None)


def follow(world: World, device: str) -> Path:
    """Do what the first process asks for, until it dismisses this one.

    Args:
        world: This process.
        device: As the user named it.

    Returns:
        The run folder, which only the first process writes to.
    """
    sent: tuple[Essentials, Dataset, Recipe, int] = receive(world)
    essentials, dataset, recipe, size_px = sent
    place = _place(world, device, essentials)
    images = Images(dataset, recipe, size_px, place.reporter, place.device)
    context = Context(
        run=place.run, recipe=recipe, dataset=dataset, images=images, engine=place.engine,
        seed=place.seed, reporter=place.reporter,
    )
    return _serve(world, context)


def follow_at(world: World, device: str) -> Path:
    """Do what the first process of such a run asks for, until it dismisses this one.

    Args:
        world: This process.
        device: As the user named it.

    Returns:
        The run folder, which only the first process writes to.
    """
    return _serve(world, _place(world, device, receive(world)))


def _place(world: World, device: str, essentials: Essentials) -> Workplace:
    computes, seed, path = essentials
    here = device_of(device, world)
    if computes["device"] != here.type:
        raise EdgesslError(
            f"--device: must be the same on every machine, got {computes['device']} on the first "
            f"and {here.type} here; pass it"
        )
    layout = FORMATS[computes["memory_format"]]
    engine = Engine(here, layout, computes["precision"], computes["compiled"], world)
    run = RunFolder.unmade(Path(path))  # it is the first process's
    return Workplace(run=run, engine=engine, seed=seed, reporter=Silent())


def _serve(world: World, place: Workplace) -> Path:
    while (asked := receive(world)) is not None:
        work, args, kwargs = asked
        work(place, *args, **kwargs)
    return place.run.path


def send(world: World, what: Any) -> None:
    """Send plain values, modules or tensors to the other processes, which ``receive`` them."""
    if world.size == 1:
        return
    buffer = io.BytesIO()
    # torch's own default, 2, refuses memory formats.
    torch.save(what, buffer, pickle_protocol=pickle.DEFAULT_PROTOCOL)
    world.first_does(buffer.getvalue)


def receive(world: World) -> Any:
    """Return what the first process sends, tensors on the CPU."""
    content = world.first_does(bytes)
    # From the first process of this very run, so its modules and functions may be unpickled.
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
