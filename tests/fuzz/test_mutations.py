"""Mutations do what they say: to the same seed the same bytes, and seldom nothing."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from archives import ARCHIVE, CHECKPOINT, NPZ, SAFETENSORS
from databases import DATABASE
from documents import CSV, JSON, LINES, TOML
from graphs import ONNX
from mutations import BYTES, Mutation

SEEDS: dict[str, tuple[Mutation, ...]] = {
    "pictures/plain.png": BYTES, "run/ckpt.pt": CHECKPOINT, "export/model.pt2": ARCHIVE,
    "run/backbone.safetensors": SAFETENSORS, "run/views.npz": NPZ, "export/model.onnx": ONNX,
    "cache/verified.sqlite": DATABASE, "tiny.toml": TOML, "labels.csv": CSV,
    "run/report.json": JSON, "run/log.jsonl": LINES,
}  # fmt: skip
KINDS = sorted(
    {(name, mutation.__name__) for name, kinds in SEEDS.items() for mutation in kinds}
)
FEW_FAIL = 0.2
"""Share of tries in which a graph lacks what is to be changed, or TOML cannot say it."""


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_a_mutation_of_a_sound_file(seeds: Path, name: str, kind: str) -> None:
    mutation = next(mutation for mutation in SEEDS[name] if mutation.__name__ == kind)
    content = (seeds / name).read_bytes()
    failed = same = 0
    for number in range(20):
        try:
            changed = mutation(content, Random(number))
        except Exception:  # whatever, as long as it is seldom
            failed += 1
            continue
        same += changed == content
    assert failed <= 20 * FEW_FAIL
    assert same < 20 * 0.9


@pytest.mark.parametrize("name", [name for name in SEEDS if name != "cache/verified.sqlite"])
def test_the_same_seed_gives_the_same_bytes(seeds: Path, name: str) -> None:
    """But for SQLite, whose own random numbers choose the rows."""
    content = (seeds / name).read_bytes()
    for mutation in {*SEEDS[name]}:
        if mutation.__name__ in ("npz_arrays", "zip_members", "zip_table"):  # times of day inside
            continue
        for number in range(3):
            try:
                first = mutation(content, Random(number))
            except Exception:
                continue
            assert mutation(content, Random(number)) == first, mutation.__name__
