"""Batch norm over the global batch, or over equal groups of it, for any number of processes.

``torch.nn.SyncBatchNorm`` refuses CPU tensors and has to take the place of every layer. Here the
layers stay what they are, torch's and timm's alike, and so do their state dicts and what is
exported: only the function that they call in training, ``torch.nn.functional.batch_norm``, computes
its statistics over more, or fewer, images while ``batch_statistics`` lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from edgessl.distributed.collectives import gather, mean_over_processes
from edgessl.distributed.world import World


def batch_statistics(world: World, *, images: int, groups: int = 1) -> AbstractContextManager[Any]:
    """Return the context in which BN layers in training mode share their statistics.

    A group is a contiguous part of the global batch with all its views. Running statistics follow
    the mean over groups of the groups' mean and unbiased variance, so they are the same on every
    process. With one group, alone, nothing is changed and nothing is slower.

    Args:
        world: The processes; each holds an equal contiguous part of the batch.
        images: Images of this process. A layer's input holds all views of them, view by view:
            ``(V * images, C, …)``.
        groups: Groups of the global batch.

    Raises:
        ValueError: Processes would have to hold parts of several groups.
    """
    if world.size == 1 and groups == 1:
        return nullcontext()
    if world.size % groups and groups % world.size:
        raise ValueError(f"{groups} groups cannot be shared between {world.size} processes")
    return _SharedStatistics(world, images, groups)


class _SharedStatistics(TorchFunctionMode):
    """Takes the calls of ``batch_norm`` that compute batch statistics, and passes on the others."""

    def __init__(self, world: World, images: int, groups: int) -> None:
        super().__init__()
        self._world = world
        self._images = images
        self._groups = groups

    def __torch_function__(
        self,
        func: Callable[..., Any],
        _types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is functional.batch_norm and (kwargs or {}).get("training"):
            return self._batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _batch_norm(
        self,
        images: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        world, groups = self._world, self._groups
        parts = _split(images, self._images, max(1, groups // world.size))
        span = max(1, world.size // groups)  # processes that a group lies on
        first = world.rank // span * span
        outputs, means, variances = [], [], []
        for part in parts:
            count = span * part.numel() // part.shape[1]
            if count < 2:
                raise ValueError(f"batch norm needs more than 1 value a channel, got {part.shape}")
            output, mean, variance = _Normalise.apply(
                part, weight, bias, eps, slice(first, first + span)
            )
            outputs.append(output)
            means.append(mean)
            variances.append(variance * (count / (count - 1)))
        if running_mean is not None and running_var is not None:
            found = torch.stack([torch.stack(means), torch.stack(variances)]).mean(dim=1)
            if groups > 1:
                found = mean_over_processes(found)
            with torch.no_grad():
                running_mean.lerp_(found[0].to(running_mean.dtype), momentum)
                running_var.lerp_(found[1].to(running_var.dtype), momentum)
        return _join(outputs, self._images)


def _split(images: Tensor, own: int, groups: int) -> list[Tensor]:
    """Split ``(V * own, C, …)`` into groups of images, each with all its views."""
    if groups == 1:
        return [images]
    if len(images) % own or own % groups:
        raise ValueError(f"{len(images)} rows of {own} images cannot be cut into {groups} groups")
    parts = images.reshape(-1, groups, own // groups, *images.shape[1:])
    return [parts[:, group].flatten(0, 1) for group in range(groups)]


def _join(parts: list[Tensor], own: int) -> Tensor:
    """Undo ``_split``."""
    if len(parts) == 1:
        return parts[0]
    by_view = [part.reshape(-1, own // len(parts), *part.shape[1:]) for part in parts]
    return torch.cat(by_view, dim=1).flatten(0, 1)


class _Normalise(torch.autograd.Function):
    """Batch norm whose batch lies on several processes. torch's kernels do the work on the CPU and
    on GPUs, in either memory format; only two rows of statistics travel in each direction."""

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
        ranks: slice,
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = _local_statistics(images)
        if ranks.stop - ranks.start > 1:
            every = gather(torch.stack([mean, variance])[None])[ranks]  # (processes, 2, C)
            mean = every[:, 0].mean(dim=0)
            variance = (every[:, 1] + (every[:, 0] - mean).square()).mean(dim=0)
        ctx.save_for_backward(images, weight, mean, variance)
        ctx.eps, ctx.ranks = eps, ranks
        ctx.mark_non_differentiable(mean, variance)
        output = torch.native_batch_norm(
            images, weight, bias, mean, variance, False, 0.0, eps
        )[0]
        return output, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        images, weight, mean, variance = ctx.saved_tensors
        ranks: slice = ctx.ranks
        gradient = gradients[0].contiguous(memory_format=_format_of(images))
        # As if mean and variance were constants: the sums over rows come with it.
        not_saved = mean.new_empty(0)  # on a GPU torch has to be given a tensor there
        gain = torch.ones_like(mean) if weight is None else weight
        to_images, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, images, gain, mean, variance, not_saved, not_saved, False, ctx.eps,
            [True] * 3,
        )  # fmt: skip
        own = torch.stack([to_weight, to_bias])
        span = ranks.stop - ranks.start
        sums = gather(own[None])[ranks].sum(dim=0) if span > 1 else own
        # What mean and variance pass on is itself a normalised image, scaled and shifted.
        means = sums / (span * (images.numel() // images.shape[1]))
        scale = (variance + ctx.eps).rsqrt() * gain
        through = torch.native_batch_norm(
            images, scale * means[0], scale * means[1], mean, variance, False, 0.0, ctx.eps
        )[0]
        to_images -= through
        if weight is None:
            return to_images, None, None, None, None
        return to_images, to_weight, to_bias, None, None


def _local_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of every channel, ``(C,)``, in fp32 at least."""
    dtype = torch.promote_types(images.dtype, torch.float32)
    nothing = torch.zeros(images.shape[1], dtype=dtype, device=images.device)
    mean, variance = torch.batch_norm_update_stats(images, nothing, nothing.clone(), 0.0)
    return mean.to(dtype), variance.to(dtype)


def _format_of(images: Tensor) -> torch.memory_format:
    last = images.ndim == 4 and images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format
