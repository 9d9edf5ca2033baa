"""Batches that processes cannot share are refused by name, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline.tiny_run import write_images, write_recipe

from edgessl.data.dataset import Dataset
from edgessl.data.load import load_dataset
from edgessl.distributed import ALONE, World
from edgessl.errors import UserError
from edgessl.pipeline.misfits import check_batches, check_compiled
from edgessl.recipe import Recipe, load_recipe
from edgessl.train.place.processes import batch_parts


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """24 images of two classes, some of which are held out."""
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    return load_dataset(str(write_images(tmp_path / "images")))


def _recipe(folder: Path, *overrides: str) -> Recipe:
    return load_recipe(str(write_recipe(folder)), overrides=list(overrides))


def test_a_batch_is_cut_for_processes_groups_and_micro_batches() -> None:
    assert batch_parts(ALONE, accumulate=3, groups=1) == 1  # unequal micro-batches are allowed
    assert batch_parts(World(0, 2), accumulate=3, groups=1) == 6
    assert batch_parts(World(0, 2), accumulate=1, groups=4) == 4


@pytest.mark.parametrize(
    ("processes", "overrides", "expected"),
    [
        (3, (), r"pretrain\.batch_size: must be divisible by 3 \(3 processes, 1 BN groups, 1 "
                r"micro-batches\), got 8; pass --set pretrain\.batch_size=6"),
        (3, (), r"finetune\.batch_size: must be divisible by 3"),
        (3, ("pretrain.batchnorm_groups=2",),
         r"pretrain\.batchnorm_groups: must divide the number of processes or be a multiple of it, "
         r"got 2 groups and 3 processes"),
        (2, ("pretrain.accumulate=3",), r"pretrain\.batch_size: must be divisible by 6 "),
        (32, ("pretrain.batch_size=64", "finetune.batch_size=64"),
         r"pretrain: must have at least 32 images for 32 processes, got \d+; start fewer"),
    ],
)  # fmt: skip
def test_mistakes_are_told_together_with_a_way_out(
    tmp_path: Path, dataset: Dataset, processes: int, overrides: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        check_batches(_recipe(tmp_path, *overrides), dataset, World(0, processes))


def test_what_fits_passes(tmp_path: Path, dataset: Dataset) -> None:
    recipe = _recipe(tmp_path, "pretrain.accumulate=2", "pretrain.batchnorm_groups=2")
    for world in (ALONE, World(0, 2), World(3, 4)):
        check_batches(recipe, dataset, world)


def test_compiled_backbones_share_no_statistics_and_are_refused(tmp_path: Path) -> None:
    check_compiled(_recipe(tmp_path), ALONE, compiled=True)
    check_compiled(_recipe(tmp_path), World(0, 2), compiled=False)
    with pytest.raises(UserError, match="--compile: must be used with one process and one BN gr"):
        check_compiled(_recipe(tmp_path), World(0, 2), compiled=True)
    with pytest.raises(UserError, match=r"pretrain\.batchnorm_groups = 2; leave it out"):
        check_compiled(_recipe(tmp_path, "pretrain.batchnorm_groups=2"), ALONE, compiled=True)
