"""Few labels are seen more often: a recipe's least number of steps of fine-tuning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from edgessl.data.dataset import Dataset, Split
from edgessl.pipeline.claim import as_written
from edgessl.pipeline.preflight import recipe_for

CPU = torch.device("cpu")


def _dataset(labelled: int) -> Dataset:
    paths = tuple(Path(f"{number}.png") for number in range(labelled))
    return Dataset(
        name="few", source="few", classes=("a", "b"), train=Split(paths, (0,) * labelled),
        unlabeled=Split(), val=Split(), test=Split(), quarantined=(), duplicates=0, notes=(),
        fingerprint="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("labelled", "epochs"), [(64, 150), (100, 100), (320, 30), (480, 20), (5000, 20)]
)
def test_epochs_are_raised_to_the_steps_that_training_needs(labelled: int, epochs: int) -> None:
    found = recipe_for("mobilenetv2-dino:from-weights", (), _dataset(labelled), CPU)
    assert (found.finetune.min_steps, found.finetune.batch_size) == (300, 32)
    assert found.finetune.epochs == epochs


def test_more_labels_later_are_not_seen_as_often(tmp_path: Path) -> None:
    """What a run writes down is the recipe, not what few labels made of it."""
    few = recipe_for("mobilenetv2-dino:from-weights", (), _dataset(64), CPU)
    assert (few.finetune.epochs, few.finetune.own_epochs) == (150, 20)
    written = tmp_path / "recipe.toml"
    written.write_text(as_written(few), encoding="utf-8")
    assert recipe_for(str(written), (), _dataset(64), CPU).finetune == few.finetune
    assert recipe_for(str(written), (), _dataset(5000), CPU).finetune.epochs == 20


def test_epochs_that_the_user_names_stand() -> None:
    overrides = ("finetune.epochs=1",)
    found = recipe_for("mobilenetv2-dino:from-weights", overrides, _dataset(64), CPU)
    assert found.finetune.epochs == 1


def test_a_recipe_without_a_least_number_of_steps_is_left_alone() -> None:
    found = recipe_for("mobilenetv2-dino", (), _dataset(64), CPU)
    assert found.finetune.epochs == 40


def test_without_labels_nothing_is_raised() -> None:
    empty = replace(_dataset(0), classes=())
    assert recipe_for("mobilenetv2-dino:from-weights", (), empty, CPU).finetune.epochs == 20
