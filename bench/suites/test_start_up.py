"""How long a person waits for the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture


def edgessl(*arguments: str) -> str:
    """Run a command in a process of its own, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "edgessl", *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_help(benchmark: BenchmarkFixture) -> None:
    """`edgessl --help`."""
    assert "recipe" in benchmark.pedantic(lambda: edgessl("--help"), rounds=5, warmup_rounds=1)


def test_list_of_recipes(benchmark: BenchmarkFixture) -> None:
    """`edgessl list recipes`."""
    listed = benchmark.pedantic(lambda: edgessl("list", "recipes"), rounds=5, warmup_rounds=1)
    assert "mobilenetv2-dino" in listed


def test_plan(benchmark: BenchmarkFixture, cache: Path) -> None:
    """`edgessl recipe mobilenetv2-dino --data demo --plan`, with the demo set drawn before."""
    edgessl("data", "demo")
    assert cache.exists()
    benchmark.pedantic(
        lambda: edgessl("recipe", "mobilenetv2-dino", "--data", "demo", "--plan"), rounds=2
    )
