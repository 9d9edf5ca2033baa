"""A run computes in what is fastest on its machine, unless the recipe says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_run import Listener, write_recipe
from torch import Tensor

from edgessl.errors import UserError
from edgessl.recipe import load_recipe
from edgessl.train import Engine
from edgessl.train.place import choose_engine, engine_times
from edgessl.train.place.choose_engine import best_choice, engine_of
from edgessl.train.place.engine_times import warm_up

CPU = torch.device("cpu")


def test_a_clearly_faster_choice_wins_and_a_narrow_one_does_not() -> None:
    assert best_choice(
        {("fp32", "channels_last"): 100.0, ("bf16", "channels_last"): 80.0}
    ) == ("bf16", "channels_last")
    assert best_choice(
        {("fp32", "channels_last"): 100.0, ("bf16", "channels_last"): 95.0}
    ) == ("fp32", "channels_last")
    assert best_choice(
        {("fp32", "channels_last"): 100.0, ("fp32", "contiguous"): 95.0}
    ) == ("fp32", "channels_last")
    assert best_choice(
        {("fp32", "channels_last"): 100.0, ("fp32", "contiguous"): 60.0}
    ) == ("fp32", "contiguous")


def test_what_was_measured_is_kept_so_that_the_next_run_computes_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    recipe = load_recipe(str(write_recipe(tmp_path)))
    first = engine_of(recipe, CPU, compiled=False, reporter=Listener())
    assert (tmp_path / "cache" / "engines.json").is_file()
    monkeypatch.setattr(choose_engine, "times_of", None)  # a second measurement would fail
    listener = Listener()
    assert engine_of(recipe, CPU, compiled=False, reporter=listener) == first
    assert "measured once" in listener.sentences[0]


def test_a_hopeless_choice_gets_one_look_and_the_time_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(engine_times, "_BUDGET_S", 0.0)
    steps: list[tuple[str, int]] = []

    def step_ms(chosen: Engine, _backbone: object, images: Tensor) -> float:
        steps.append((chosen.precision, len(images)))
        return len(images) * (50.0 if chosen.precision == "bf16" else 1.0)

    monkeypatch.setattr(engine_times, "_step_ms", step_ms)
    listener = Listener()
    recipe = load_recipe(str(write_recipe(tmp_path)))
    assert engine_of(recipe, CPU, compiled=False, reporter=listener).precision == "fp32"
    assert steps.count(("bf16", 2)) == steps.count(("fp32", 2)) == 4  # two layouts, twice
    assert steps.count(("bf16", 16)) == 0
    assert steps.count(("fp32", 16)) == 2
    assert "fp32 contiguous 16, bf16 channels_last 800" in listener.sentences[0]


def test_a_gpu_is_warm_when_steps_get_no_faster() -> None:
    times = iter([4000.0, 900.0, 100.0, 20.0, 19.0, 18.0])
    warm_up(lambda: next(times))
    assert next(times) == 18.0


def test_a_gpu_that_never_gets_warm_is_measured_all_the_same() -> None:
    times = iter([0.5**step for step in range(100)])
    warm_up(lambda: next(times))
    assert next(times) == 0.5**12


def test_the_recipe_decides_without_measuring(tmp_path: Path) -> None:
    recipe = load_recipe(
        str(write_recipe(tmp_path)),
        overrides=("engine.precision=bf16", "engine.memory_format=contiguous"),
    )
    chosen = engine_of(recipe, CPU, compiled=False, reporter=Listener())
    assert (chosen.precision, chosen.memory_format) == ("bf16", torch.contiguous_format)


def test_compiling_without_a_compiler_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose_engine.shutil, "which", lambda _name: None)
    recipe = load_recipe(str(write_recipe(tmp_path)))
    with pytest.raises(UserError, match=r"--compile: must have a C\+\+ compiler on a CPU"):
        engine_of(recipe, CPU, compiled=True, reporter=Listener())
