"""Tensors over all processes of a run. Alone, every function returns what it was given.

Each process holds an equal contiguous part of the global batch, so concatenating by rank gives the
batch as one process would have it. The loss of a run is the mean over processes of their losses
(which is how DistributedDataParallel averages gradients); a loss computed on gathered tensors is
the same on every process, and so is its mean.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

Key = TypeVar("Key")


def processes() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process."""
    return dist.get_rank() if processes() > 1 else 0


@torch.no_grad()
def gather(tensor: Tensor) -> Tensor:
    """Concatenate a tensor of every process, by rank. No gradient flows.

    Args:
        tensor: ``(B, …)``, of the same shape everywhere.

    Returns:
        ``(processes * B, …)``.
    """
    if processes() == 1:
        return tensor.detach()
    own = tensor.detach().contiguous()
    gathered = own.new_empty((processes() * len(own), *own.shape[1:]))
    dist.all_gather_into_tensor(gathered, own)
    return gathered


def gather_with_gradient(tensor: Tensor) -> Tensor:
    """Concatenate a tensor of every process, by rank; gradients of all processes flow back.

    Args:
        tensor: ``(B, …)``, of the same shape everywhere.

    Returns:
        ``(processes * B, …)``.
    """
    if processes() == 1:
        return tensor
    gathered: Tensor = _Gather.apply(tensor)
    return gathered


def own_part(gathered: Tensor) -> Tensor:
    """Return the rows of a gathered tensor that came from this process, ``(B, …)``."""
    return gathered.chunk(processes())[rank()]


@torch.no_grad()
def mean_over_processes(tensor: Tensor) -> Tensor:
    """Return the mean of a tensor over all processes. No gradient flows."""
    if processes() == 1:
        return tensor.detach()
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total / processes()


def shared_count(count: Tensor) -> Tensor:
    """Return what a process divides its sum by, so that the mean over processes is the whole mean.

    Args:
        count: Of what this process sums over.

    Returns:
        The mean count of a process; of one in all, if nothing is counted anywhere.
    """
    return mean_over_processes(count.float()).clamp_min(1.0 / processes())


@torch.no_grad()
def means_over_processes(scalars: dict[Key, Tensor]) -> dict[Key, Tensor]:
    """Return the mean of every scalar over all processes, in one message."""
    if processes() == 1 or not scalars:
        return scalars
    dtype = torch.stack([value.new_empty(()) for value in scalars.values()]).dtype
    stacked = torch.stack([value.detach().to(dtype) for value in scalars.values()])
    return dict(zip(scalars, mean_over_processes(stacked).unbind(), strict=True))


@torch.no_grad()
def from_first(tensor: Tensor) -> Tensor:
    """Return the tensor of the first process: a draw that all have to share."""
    if processes() == 1:
        return tensor
    shared = tensor.clone()
    dist.broadcast(shared, src=0)
    return shared


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, tensor: Tensor) -> Tensor:
        return gather(tensor)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return own_part(total)
