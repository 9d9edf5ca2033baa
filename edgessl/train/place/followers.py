"""The other processes of a run: they help the first one to train, and do nothing else.

The first process alone tells the story: it reads and writes the run folder, evaluates, reports. It
sends the others what they have to know, and then work: a function that all of them call while it
does the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import torch

from edgessl.data.dataset import Dataset
from edgessl.distributed import World
from edgessl.errors import EdgesslError
from edgessl.recipe import Recipe
from edgessl.reporter import Silent
from edgessl.runs.folder import RunFolder
from edgessl.train import Engine
from edgessl.train.place.choose_engine import FORMATS, describe_engine
from edgessl.train.place.context import Context
from edgessl.train.place.images import Images
from edgessl.train.place.processes import device_of

Arguments = ParamSpec("Arguments")


def lead(context: Context) -> None:
    """Tell the other processes what the run is; they follow from now on."""
    computes = describe_engine(context.engine)
    essentials = (
        context.dataset, context.recipe, context.images.size_px, computes, context.seed,
        str(context.run.path),
    )  # fmt: skip
    send(context.world, essentials)


def ask(
    context: Context,
    work: Callable[Concatenate[Context, Arguments], None],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> None:
    """Ask the other processes to do something; the caller does its own part of it.

    Args:
        context: The run.
        work: A function of a module; they call it with contexts of their own.
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
    here = device_of(device, world)
    sent: tuple[Dataset, Recipe, int, dict[str, Any], int, str] = receive(world)
    dataset, recipe, size_px, computes, seed, path = sent
    if computes["device"] != here.type:
        raise EdgesslError(
            f"--device: must be the same on every machine, got {computes['device']} on the first "
            f"and {here.type} here; pass it"
        )
    silent = Silent()
    images = Images(dataset, recipe, size_px, silent, here)
    layout = FORMATS[computes["memory_format"]]
    engine = Engine(here, layout, computes["precision"], computes["compiled"], world)
    run = RunFolder.unmade(Path(path))  # it is the first process's
    context = Context(run, recipe, dataset, images, engine, seed, silent)
    while (asked := receive(world)) is not None:
        work, args, kwargs = asked
        work(context, *args, **kwargs)
    return Path(path)


def send(world: World, what: Any) -> None:
    """Send plain values, modules or tensors to the other processes, which ``receive`` them."""
    if world.size == 1:
        return
    buffer = io.BytesIO()
    torch.save(what, buffer)
    world.first_does(buffer.getvalue)


def receive(world: World) -> Any:
    """Return what the first process sends, tensors on the CPU."""
    content = world.first_does(bytes)
    # From the first process of this very run, so its modules and functions may be unpickled.
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
