"""What processes tell each other, and that a world of one says nothing."""

from __future__ import annotations

import pytest
import torch
from crew import on_processes
from torch import Tensor

from edgessl.distributed import ALONE, World, world_of_environment
from edgessl.distributed.collectives import (
    from_first,
    gather,
    gather_with_gradient,
    mean_over_processes,
    means_over_processes,
    own_part,
)


def _own(world: World) -> Tensor:
    return torch.arange(4.0).view(2, 2) + 10 * world.rank


def _everything(world: World) -> dict[str, Tensor]:
    own = _own(world).requires_grad_()
    gathered = gather_with_gradient(own)
    weights = torch.arange(8.0).view(4, 2)[: len(gathered)] * (1 + world.rank)  # losses differ
    (gathered * weights).sum().backward()
    assert own.grad is not None
    return {
        "gathered": gather(own),
        "with gradient": gathered.detach(),
        "gradient": own.grad,
        "own": own_part(gather(own)),
        "mean": mean_over_processes(own),
        "means": means_over_processes({"a": own[0, 0], "b": own[1, 1]})["b"],
        "first": from_first(own.detach()),
        "highest": torch.tensor(world.highest(-world.rank)),
        "told": torch.tensor(world.first_does(lambda: 7 + world.rank)),
    }


def test_two_processes_exchange_values_and_gradients() -> None:
    first, second = on_processes(2, _everything)
    rows = torch.cat([_own(World(rank, 2)) for rank in (0, 1)])
    for found in (first, second):
        assert torch.equal(found["gathered"], rows)
        assert torch.equal(found["with gradient"], rows)
        assert torch.equal(found["mean"], _own(ALONE) + 5)
        assert found["means"] == 8.0
        assert torch.equal(found["first"], _own(ALONE))
        assert found["highest"] == 0
        assert found["told"] == 7
    total = 3 * torch.arange(8.0).view(4, 2)  # the gradients of both losses
    assert torch.equal(first["gradient"], total[:2])
    assert torch.equal(second["gradient"], total[2:])
    assert torch.equal(second["own"], _own(World(1, 2)))


def test_alone_everything_is_what_it_was() -> None:
    (found,) = on_processes(1, _everything)
    own = _own(ALONE)
    for name in ("gathered", "with gradient", "own", "mean", "first"):
        assert torch.equal(found[name], own), name
    assert torch.equal(found["gradient"], torch.arange(4.0).view(2, 2))


def test_shares_are_contiguous_and_equal() -> None:
    assert [World(rank, 3).share_of(6) for rank in range(3)] == [
        slice(0, 2), slice(2, 4), slice(4, 6),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="7 cannot be divided between 3 processes"):
        World(0, 3).share_of(7)


def test_torchrun_says_who_is_who(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert world_of_environment() == ALONE
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert world_of_environment() == World(3, 4, 1)
    assert not world_of_environment().first
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert world_of_environment() == ALONE
