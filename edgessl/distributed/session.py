"""Joining the processes that torchrun started, and leaving them, whoever ends first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from edgessl.distributed.world import World, world_of_environment
from edgessl.errors import EdgesslError

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_PATIENCE = timedelta(days=7)  # a process that died is noticed at once; this is for one that works


class ProcessLost(EdgesslError):
    """Another process of the run has ended."""

    def __init__(self) -> None:
        super().__init__(
            "another process of this run has ended, so this one ends too; torchrun's summary says "
            "which and why; the same command goes on from the last saved state"
        )


@contextmanager
def joined() -> Iterator[World]:
    """Meet the other processes that torchrun started; alone, do nothing.

    Raises:
        ProcessLost: Another process has ended.
    """
    world = world_of_environment()
    if world.size == 1:
        yield world
        return
    import torch
    from torch import distributed as dist
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://", world.rank, world.size))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    control, gradients = (
        cast("ProcessGroup", dist.new_group(backend="gloo", timeout=timeout))
        for timeout in (_PATIENCE, None)
    )
    try:
        yield replace(world, control=control, gradients=gradients)
    except (EdgesslError, RuntimeError) as error:
        failure = error if isinstance(error, EdgesslError) else _as_lost(error)
        if failure is None:
            raise
        _ignore_signals()  # torchrun ends the others as soon as one has ended
        failure.told = bool(failure.told) or not _is_first_to_speak(store)
        if failure is error:
            raise
        raise failure from error
    else:
        dist.destroy_process_group()


def _as_lost(error: RuntimeError) -> ProcessLost | None:
    """Say whether an error of torch means that a process is gone."""
    from torch import distributed as dist

    text = str(error)
    signs = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "NCCL",
             "Connection refused", "Socket Timeout", "recvValue failed")  # fmt: skip
    lost = isinstance(error, dist.DistError) or any(sign in text for sign in signs)
    return ProcessLost() if lost else None


def _ignore_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def _is_first_to_speak(store: object) -> bool:
    """Say whether no other process has told of a failure; one message is enough."""
    try:
        return int(store.add("edgessl told", 1)) == 1  # type: ignore[attr-defined]
    except RuntimeError:  # the process that kept the store is gone
        return True
