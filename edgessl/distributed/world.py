"""How many processes train together, which of them this is, and how they agree."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class World:
    """The processes of one run. In a world of one, nothing here does or costs anything.

    What they agree on here is small, lives on the CPU and may take as long as it takes: the others
    wait for hours, if need be, while the first one evaluates.

    Attributes:
        rank: Number of this process.
        size: Number of processes.
        local_rank: Number of this process among those of its machine.
        control: The group that they agree through; None in a world of one.
        gradients: The group that averages gradients on CPUs, while batch norm uses the default one.
            When one gloo group did both at a time, 3 of 18 short trainings on two busy cores waited
            for ever; with two groups 0 of 30 (torch 2.15). None for the default group.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    control: ProcessGroup | None = field(default=None, compare=False, repr=False)
    gradients: ProcessGroup | None = field(default=None, compare=False, repr=False)

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def share_of(self, count: int) -> slice:
        """Return which of ``count`` things are this process's: the rank-th contiguous part.

        Args:
            count: Divisible by the number of processes.

        Raises:
            ValueError: It is not.
        """
        if count % self.size:
            raise ValueError(f"{count} cannot be divided between {self.size} processes")
        own = count // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.size > 1:
            import torch.distributed

            torch.distributed.barrier(group=self.control)

    def first_does(self, work: Callable[[], Value]) -> Value:
        """Let the first process do something that the others wait for.

        Args:
            work: Returns plain values.

        Returns:
            What it returned, on every process.
        """
        if self.size == 1:
            return work()
        import torch.distributed

        results = [work() if self.first else None]
        torch.distributed.broadcast_object_list(results, src=0, group=self.control)
        return results[0]  # type: ignore[return-value]

    def highest(self, number: int) -> int:
        """Return the highest number that any process passed, on every process."""
        if self.size == 1:
            return number
        import torch

        highest = torch.tensor(number, dtype=torch.int64)
        torch.distributed.all_reduce(highest, torch.distributed.ReduceOp.MAX, group=self.control)
        return int(highest)


ALONE = World()


def world_of_environment() -> World:
    """Return what torchrun says in the environment; no process has been talked to yet."""
    try:
        rank, size, local_rank = (
            int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        )
    except (KeyError, ValueError):
        return ALONE
    return World(rank, size, local_rank) if size > 1 else ALONE
