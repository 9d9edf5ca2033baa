"""A method on several processes, each with its part of every batch."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from inspect import signature
from typing import Any, cast

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from edgessl.distributed.batchnorm import batch_statistics
from edgessl.methods.method import Method, Step
from edgessl.schedules import Clock
from edgessl.train.loop.engine import Engine

_DDP_OPTIONS = signature(DistributedDataParallel.__init__).parameters
_BUFFERS_STAY: dict[str, Any] = {  # they are the same everywhere; torch 2.14 renamed the option
    "forward_sync_buffers" if "forward_sync_buffers" in _DDP_OPTIONS else "broadcast_buffers": False
}


class Parallel:
    """Computes what one process would compute on the whole batch: statistics, loss and gradients.

    Alone, and with one group, it is a call of the method and no more.

    Args:
        method: On the device.
        engine: What it runs on.
        batchnorm_groups: Groups of the global batch that BN statistics are computed over.
    """

    def __init__(self, method: Method, engine: Engine, *, batchnorm_groups: int = 1) -> None:
        self._engine = engine
        self._groups = batchnorm_groups
        self._method = method
        self._exchanging: DistributedDataParallel | None = None
        if engine.world.size > 1:
            # 1x1 convolutions have two notations of the same strides; the copy costs nothing.
            warnings.filterwarnings("ignore", message="Grad strides do not match bucket view")
            self._exchanging = DistributedDataParallel(
                cast(nn.Module, method),
                process_group=engine.world.gradients if engine.device.type == "cpu" else None,
                gradient_as_bucket_view=True,
                find_unused_parameters=getattr(method, "leaves_unused", False),
                **_BUFFERS_STAY,
            )
            self._method = cast(Method, self._exchanging)

    def __call__(
        self, views: list[Tensor], labels: Tensor | None, clock: Clock, *, exchange: bool
    ) -> Step:
        """Compute the loss of this process's images.

        Args:
            views: As the method takes them.
            labels: As the method takes them.
            clock: Of the step.
            exchange: Whether the backward pass that follows averages gradients over processes: it
                does for the last micro-batch of a step, and then all that was accumulated.
        """
        engine, images = self._engine, views[0].shape[1]
        with (
            engine.autocast(),
            batch_statistics(engine.world, images=images, groups=self._groups),
            self._keeping_gradients() if not exchange else nullcontext(),
        ):
            return self._method(views, labels, clock)

    def _keeping_gradients(self) -> AbstractContextManager[None]:
        return self._exchanging.no_sync() if self._exchanging is not None else nullcontext()
