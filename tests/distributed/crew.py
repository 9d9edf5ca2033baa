"""Runs a function on several gloo processes that can talk to each other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import torch
from torch import distributed as dist

from edgessl.distributed import ALONE, World

Result = TypeVar("Result")
_PRELOADED = ["torch", "timm", "edgessl.train", "edgessl.methods.dino"]


def on_processes(
    count: int, work: Callable[..., Result], *arguments: object
) -> list[Result]:
    """Call ``work(world, *arguments)`` on every process.

    Args:
        count: Number of processes; 1 stays in this one.
        work: A function of a module.
        *arguments: Sent to every process.

    Returns:
        What each process returned, by rank.
    """
    if count == 1:
        return [work(ALONE, *arguments)]
    context = get_context("forkserver")  # torch and timm are imported once for all tests
    context.set_forkserver_preload(_PRELOADED)
    with (
        TemporaryDirectory() as folder,
        ProcessPoolExecutor(count, mp_context=context) as pool,
    ):
        place = Path(folder) / "rendezvous"
        futures = [
            pool.submit(_process, rank, count, str(place), work, arguments) for rank in range(count)
        ]
        return [future.result(timeout=300) for future in futures]


def _process(
    rank: int, size: int, place: str, work: Callable[..., Result], arguments: tuple[object, ...]
) -> Result:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{place}", rank=rank, world_size=size,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    try:
        world = World(rank, size, rank, dist.group.WORLD, dist.new_group(backend="gloo"))
        return work(world, *arguments)
    finally:
        dist.destroy_process_group()
