"""A step that does not fit into memory ends with a sentence, and not with the system's kill."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch
from pipeline.stories import run_recipe
from pipeline.tiny_run import request, write_images, write_recipe
from torch import nn

from edgessl.data.home import free_swap_bytes
from edgessl.errors import UserError
from edgessl.recipe.optim_tables import Sgd
from edgessl.reporter import Silent
from edgessl.runs.stages import PRETRAIN
from edgessl.train.stage import memory_watch
from edgessl.train.stage.memory_watch import MemoryWatch
from edgessl.train.stage.stage import Stage

MB = 10**6
STAGE = Stage(PRETRAIN, 1, 256, (), Sgd(name="sgd", lr=0.1), batch_key="pretrain.batch_size")


def falling(*left_mb: int) -> Callable[[], int]:
    """Return what is left: each figure once, the last one for ever."""
    left = iter(left_mb)
    found = [0]

    def now() -> int:
        found[0] = next(left, found[0])
        return found[0] * MB

    return now


def forward(watch: MemoryWatch) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    with watch.looking():
        net(torch.zeros(1, 4))


def test_it_ends_where_less_than_a_tenth_of_what_was_taken_is_left() -> None:
    with pytest.raises(UserError) as error:
        forward(MemoryWatch(STAGE, 512, falling(20_000, 12_000, 5_000, 1_500)))
    assert str(error.value) == (
        "pretrain: a step of 512 images must fit into memory, got 1.5 GB left after 18.5 GB of it; "
        "pass --set pretrain.batch_size=64 or smaller images, or train on a GPU"
    )


@pytest.mark.parametrize(
    "left_mb", [(20_000, 12_000, 5_000, 2_000), (300, 290, 280, 270), (100, 100, 100)]
)
def test_a_small_step_on_a_full_machine_goes_on(left_mb: Iterable[int]) -> None:
    forward(MemoryWatch(STAGE, 512, falling(*left_mb)))


def test_it_looks_at_nothing_afterwards() -> None:
    watch = MemoryWatch(STAGE, 512, falling(20_000))
    forward(watch)
    asked: list[int] = []
    watch._left = lambda: asked.append(1) or 0  # type: ignore[func-returns-value]
    nn.Linear(4, 4)(torch.zeros(1, 4))
    assert not asked


def test_a_run_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_watch, "_left", falling(9_000, 9_000, 100))
    asked = request(write_recipe(tmp_path), write_images(tmp_path / "data"), tmp_path / "run")
    with pytest.raises(UserError, match=r"--set pretrain\.batch_size=2 "):
        run_recipe(asked, Silent())


def test_free_swap_is_what_the_kernel_says(tmp_path: Path) -> None:
    assert free_swap_bytes(tmp_path) == 0
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemAvailable: 9 kB\nSwapFree:    2048 kB\n")
    assert free_swap_bytes(tmp_path) == 2048 * 1024
