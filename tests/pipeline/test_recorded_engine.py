"""A run goes on with the precision and the memory format it began with, or says what differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_run import Listener, write_recipe

from edgessl.recipe import Recipe, load_recipe
from edgessl.runs.folder import RunFolder
from edgessl.train import Engine
from edgessl.train.place import choose_engine as measured
from edgessl.train.place.choose_engine import describe_engine, engine_of_run

CPU = torch.device("cpu")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """The tiny recipe, which leaves precision and memory format open."""
    return load_recipe(str(write_recipe(tmp_path)))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that was begun in bf16 and contiguous."""
    run = RunFolder(tmp_path / "run")
    engine = Engine(CPU, torch.contiguous_format, "bf16")
    run.write({"identity": {}, "finished": {}, "engine": describe_engine(engine)})
    return run


def test_what_was_recorded_is_taken_without_measuring(
    run: RunFolder, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    listener = Listener()
    engine = engine_of_run(run, recipe, CPU, compiled=False, reporter=listener)
    assert (engine.precision, engine.memory_format) == ("bf16", torch.contiguous_format)
    assert listener.sentences == []
    assert not (tmp_path / "cache" / "engines.json").exists()


def test_what_differs_is_said(run: RunFolder, recipe: Recipe) -> None:
    document = run.read()
    threads = torch.get_num_threads()
    run.write({**document, "engine": {**document["engine"], "threads": threads + 1}})
    listener = Listener()
    engine = engine_of_run(run, recipe, CPU, compiled=True, reporter=listener)
    assert engine.compiled
    assert listener.sentences == [
        f"{run.path}: goes on with another compiled (False before, True now), "
        f"threads ({threads + 1} before, {threads} now): sums are rounded in another way, "
        "so the weights will not be those of an uninterrupted run to the last bit."
    ]


def test_another_device_is_measured_anew_and_said(run: RunFolder, recipe: Recipe) -> None:
    document = run.read()
    run.write({**document, "engine": {**document["engine"], "device": "cuda", "threads": 0}})
    fixed = recipe.engine.model_copy(
        update={"precision": "fp32", "memory_format": "channels_last"}
    )
    listener = Listener()
    engine = engine_of_run(
        run, recipe.model_copy(update={"engine": fixed}), CPU, compiled=False, reporter=listener
    )
    assert engine == replace(Engine(CPU), memory_format=measured.FORMATS["channels_last"])
    assert "goes on with another device (cuda before, cpu now)" in listener.sentences[0]
