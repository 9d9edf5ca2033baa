"""What several processes need: a device each, and batches that can be divided between them."""

from __future__ import annotations

import os
from math import lcm

import torch

from edgessl.data.dataset import Dataset
from edgessl.device import pick_device
from edgessl.distributed import World
from edgessl.errors import UserError
from edgessl.recipe import Recipe
from edgessl.recipe.stages import pretrain_stages


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


def check_compiled(
    recipe: Recipe, world: World, *, compiled: bool, pretrains: bool = True
) -> None:
    """Refuse compiled backbones where BN statistics are shared: compiled code would not share them.

    Args:
        recipe: Gives the groups.
        world: The processes.
        compiled: Whether backbones are to be compiled.
        pretrains: Whether the run pretrains, or only fine-tunes.

    Raises:
        UserError: Backbones are to be compiled, and there are several processes or BN groups.
    """
    tables = (("pretrain", recipe.pretrain), ("finetune", recipe.finetune))
    for place, table in tables if pretrains else tables[1:]:
        groups = table.batchnorm_groups
        if compiled and (world.size > 1 or groups > 1):
            raise UserError(
                f"--compile: must be used with one process and one BN group, got {world.size} "
                f"process(es) and {place}.batchnorm_groups = {groups}; leave it out"
            )


def batch_parts(world: World, *, accumulate: int, groups: int) -> int:
    """Return the number that a batch must be divisible by.

    Args:
        world: The processes, with equal parts of every micro-batch.
        accumulate: Micro-batches in a step.
        groups: Groups of BN, equal parts of every micro-batch too.
    """
    parts = lcm(world.size, groups)
    return accumulate * parts if parts > 1 else 1


def check_batches(
    recipe: Recipe, dataset: Dataset, world: World, *, pretrains: bool = True
) -> None:
    """Refuse batches that cannot be divided between the processes.

    Args:
        recipe: Gives the batches.
        dataset: Gives the images.
        world: The processes.
        pretrains: Whether the run pretrains, or only fine-tunes.

    Raises:
        UserError: One line for each mistake.
    """
    pretrain, finetune = recipe.pretrain, recipe.finetune
    batches = {stage.batch_key: stage.batch_size for stage in pretrain_stages(recipe)}
    stages = [
        ("pretrain", key, batch, pretrain.accumulate, pretrain.batchnorm_groups,
         len(dataset.pretraining))
        for key, batch in batches.items() if pretrains
    ]  # fmt: skip
    if dataset.classes:
        stages.append(
            ("finetune", "finetune.batch_size", finetune.batch_size, finetune.accumulate,
             finetune.batchnorm_groups, len(dataset.train))
        )  # fmt: skip
    mistakes = []
    for name, key, batch, accumulate, groups, images in stages:
        if world.size % groups and groups % world.size:
            mistakes.append(
                f"{name}.batchnorm_groups: must divide the number of processes or be a multiple "
                f"of it, got {groups} groups and {world.size} processes; start another number"
            )
            continue
        parts = batch_parts(world, accumulate=accumulate, groups=groups)
        if batch % parts:
            fitting = max(parts, batch // parts * parts)
            mistakes.append(
                f"{key}: must be divisible by {parts} ({world.size} processes, "
                f"{groups} BN groups, {accumulate} micro-batches), got {batch}; "
                f"pass --set {key}={fitting}, or start another number of processes"
            )
        elif images < parts:
            mistakes.append(
                f"{name}: must have at least {parts} images for {world.size} processes, got "
                f"{images}; start fewer processes"
            )
    if mistakes:
        raise UserError(f"{recipe.name}: {len(mistakes)} mistake(s)\n  " + "\n  ".join(mistakes))
