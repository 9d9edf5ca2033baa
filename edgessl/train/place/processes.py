"""What several processes need: a device each, and how many parts a batch has."""

from __future__ import annotations

import os
from math import lcm

import torch

from edgessl.device import pick_device
from edgessl.distributed import World
from edgessl.errors import UserError


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
