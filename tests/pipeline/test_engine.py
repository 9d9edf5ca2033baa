"""A run computes in what is fastest on its machine, unless the recipe says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_run import Listener, write_recipe

from edgessl.errors import UserError
from edgessl.pipeline import engine
from edgessl.pipeline.engine import best_choice, engine_of
from edgessl.recipe import load_recipe

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
    monkeypatch.setattr(engine, "_measure", None)  # a second measurement would fail
    listener = Listener()
    assert engine_of(recipe, CPU, compiled=False, reporter=listener) == first
    assert "measured once" in listener.sentences[0]


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
    monkeypatch.setattr(engine.shutil, "which", lambda _name: None)
    recipe = load_recipe(str(write_recipe(tmp_path)))
    with pytest.raises(UserError, match=r"--compile: must have a C\+\+ compiler on a CPU"):
        engine_of(recipe, CPU, compiled=True, reporter=Listener())
