"""Stages of pretraining: lengths add up, views fit, and shorter runs keep their shape."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from small_recipe import TEXT

from edgessl.errors import UserError
from edgessl.recipe import Recipe, to_toml
from edgessl.recipe.pretrain_table import StageTable, stage_epochs
from edgessl.recipe.stages import pretrain_stages, with_epochs
from edgessl.schema import validate

IN_EPOCHS = [
    {"epochs": 8, "views_px": [16]}, {"epochs": 2, "views_px": [24]},
    {"epochs": 1, "views_px": [32]},
]  # fmt: skip
IN_PERCENT = [{"percent": 60, "views_px": [16]}, {"percent": 40, "views_px": [32]}]


def _values(stages: list[dict[str, Any]], epochs: int, **changes: Any) -> dict[str, Any]:
    values = tomllib.loads(TEXT)
    values["pretrain"] |= {"epochs": epochs, "stages": stages}
    return {**values, **changes}


def _recipe(stages: list[dict[str, Any]], epochs: int, **changes: Any) -> Recipe:
    return validate(Recipe, _values(stages, epochs, **changes), "small.toml")


def _refusal(stages: list[dict[str, Any]], epochs: int, **changes: Any) -> str:
    with pytest.raises(UserError) as refusal:
        _recipe(stages, epochs, **changes)
    return str(refusal.value)


def test_a_recipe_without_stages_has_one_with_its_own_numbers() -> None:
    recipe = validate(Recipe, tomllib.loads(TEXT), "small.toml")
    (stage,) = pretrain_stages(recipe)
    assert (stage.name, stage.epochs, stage.batch_size) == ("pretrain", 2, 8)
    assert (stage.views, stage.optim) == (recipe.views, recipe.optim)


def test_every_stage_has_its_views_and_what_it_says_differently() -> None:
    own = {"name": "sgd", "lr": 0.5}
    stages = [*IN_EPOCHS[:2], {**IN_EPOCHS[2], "batch_size": 4, "optim": own}]
    recipe = _recipe(stages, 11)
    found = pretrain_stages(recipe)
    assert [stage.name for stage in found] == ["pretrain-1", "pretrain-2", "pretrain-3"]
    assert [stage.epochs for stage in found] == [8, 2, 1]
    assert [stage.epochs_before for stage in found] == [0, 8, 10]
    assert [stage.views[0].size_px for stage in found] == [16, 24, 32]
    assert [stage.batch_size for stage in found] == [8, 8, 4]
    assert [stage.optim.lr for stage in found] == [0.1, 0.1, 0.5]
    assert [stage.optim_key for stage in found] == ["optim", "optim", "pretrain.stages.2.optim"]
    assert [stage.pixels for stage in found] == [2 * 16**2, 2 * 24**2, 2 * 32**2]


def test_stages_in_percent_share_the_epochs_of_the_recipe() -> None:
    assert [stage.epochs for stage in pretrain_stages(_recipe(IN_PERCENT, 50))] == [30, 20]


@pytest.mark.parametrize(
    ("shares", "epochs", "expected"),
    [
        ([800, 200, 100], 1100, (800, 200, 100)),
        ([800, 200, 100], 11, (8, 2, 1)),
        ([800, 200, 100], 3, (1, 1, 1)),
        ([800, 200, 100], 4, (2, 1, 1)),
        ([1, 1, 1], 10, (4, 3, 3)),
        ([98, 1, 1], 10, (8, 1, 1)),
    ],
)
def test_epochs_are_shared_in_proportion_and_none_is_lost(
    shares: list[int], epochs: int, expected: tuple[int, ...]
) -> None:
    stages = [StageTable(epochs=share, views_px=(16,)) for share in shares]
    assert stage_epochs(stages, epochs) == expected


@pytest.mark.parametrize("epochs", [2, 7, 10, 33, 1000])
def test_a_tenth_of_ten_epochs_is_one(epochs: int) -> None:
    stages = [StageTable(percent=percent, views_px=(16,)) for percent in (30.0, 70.0)]
    first, second = stage_epochs(stages, epochs)
    assert first + second == epochs
    assert abs(first - 0.3 * epochs) <= 0.5 + 1e-9


def test_another_number_of_epochs_keeps_the_shares_and_is_written_down() -> None:
    recipe = with_epochs(_recipe(IN_EPOCHS, 11), 22, "--epochs 22")
    assert recipe.pretrain.epochs == 22
    assert [stage.epochs for stage in recipe.pretrain.stages] == [16, 4, 2]
    recipe = with_epochs(_recipe(IN_PERCENT, 50), 10, "--epochs 10")
    assert [stage.epochs for stage in pretrain_stages(recipe)] == [6, 4]
    recipe = with_epochs(validate(Recipe, tomllib.loads(TEXT), "small.toml"), 5, "--epochs 5")
    assert (recipe.pretrain.epochs, recipe.pretrain.stages) == (5, ())
    with pytest.raises(UserError, match="small, --epochs 2: 1 mistake"):
        with_epochs(_recipe(IN_EPOCHS, 11), 2, "--epochs 2")


def test_a_resolved_recipe_with_stages_reads_back_from_its_toml() -> None:
    stages = [*IN_EPOCHS[:2], {**IN_EPOCHS[2], "optim": {"name": "adamw", "lr": 1e-3}}]
    recipe = _recipe(stages, 11)
    assert validate(Recipe, tomllib.loads(to_toml(recipe)), "again.toml") == recipe


@pytest.mark.parametrize(
    ("stages", "epochs", "line"),
    [
        (IN_EPOCHS, 12, "pretrain.epochs: must be the sum of its stages (11), got 12; --epochs N "
         "changes all of them in proportion"),
        ([IN_EPOCHS[0], IN_PERCENT[0]], 8, "pretrain.stages: must give their lengths in the same "
         "unit, got epochs, percent"),
        ([{"views_px": [16]}], 8, "pretrain.stages.0: must give one of epochs and percent, got "
         "neither"),
        ([{"epochs": 8, "percent": 100, "views_px": [16]}], 8,
         "pretrain.stages.0: must give one of epochs and percent, got both"),
        (IN_PERCENT[:1], 8, "pretrain.stages: must have percent that sum to 100, got 60"),
        (IN_PERCENT, 1, "pretrain.epochs: must be at least 1 for each of the 2 stages, got 1"),
        ([{"epochs": 8, "views_px": [16, 8]}], 8, "pretrain.stages.0.views_px: must have one size "
         "for each of the 1 group(s) of [[views]], got 2 ([16, 8])"),
        ([{"epochs": 8, "views_px": [4]}], 8,
         "pretrain.stages.0.views_px.0: Input should be greater than or equal to 8, got 4"),
        ([{"epochs": 8}], 8, "pretrain.stages.0.views_px: must be given, found nothing"),
        ([{"epoch": 8, "views_px": [16]}], 8,
         "pretrain.stages.0.epoch: unknown key; did you mean epochs?"),
        ([{"epochs": 8, "views_px": [16], "optim": {"name": "sgd", "lr": 0.1, "warmup_epochs": 9}}],
         8, "pretrain.stages.0.optim.warmup_epochs must be at most the epochs of pretrain (8), got "
         "9; give it as warmup_percent to keep its share of the run"),
        ([{"epochs": 8, "views_px": [16],
           "optim": {"name": "sgd", "lr": 0.1, "decay_classifier_only": True}}], 8,
         "pretrain.stages.0.optim.decay_classifier_only must be false, because pretraining has no "
         "classifier, got true"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_stage_is_told_by_its_place(
    stages: list[dict[str, Any]], epochs: int, line: str
) -> None:
    assert line in _refusal(stages, epochs).splitlines()[1]


def test_all_mistakes_between_tables_come_at_once() -> None:
    stages = [{"views_px": [16]}, {"epochs": 2, "views_px": [16, 16]}]
    told = _refusal(stages, 2, backbone={"name": "resnet18", "last_stage": "remove"})
    assert told.splitlines()[0] == "small.toml: 3 mistake(s)"
    for place in ("finetune.regrow", "pretrain.stages.0: ", "pretrain.stages.1.views_px: "):
        assert f"\n  {place}" in told


def test_a_warmup_that_fits_the_run_but_no_stage_of_it_is_refused() -> None:
    told = _refusal(IN_EPOCHS, 11, optim={"name": "sgd", "lr": 0.1, "warmup_epochs": 2})
    assert "optim.warmup_epochs must be at most the epochs of pretrain-3 (1), got 2" in told


def test_a_crop_that_is_cut_out_must_fit_at_every_size() -> None:
    values = _values([{"epochs": 2, "views_px": [64]}], 2)
    values["views"][0] = {"count": 2, "size_px": 32, "crop": "random", "resize_px": 36}
    with pytest.raises(UserError) as refusal:
        validate(Recipe, values, "small.toml")
    assert (
        "pretrain.stages.0.views_px: must fit the views: size_px must be at most resize_px + "
        "2 padding_px (36), got 64; change resize_px or the size"
    ) in str(refusal.value)
