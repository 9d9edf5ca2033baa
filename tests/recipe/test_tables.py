"""A recipe's tables refuse what cannot be trained, by name and with what came."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from small_recipe import TEXT

from edgessl.errors import UserError
from edgessl.recipe import Recipe, load_recipe
from edgessl.schedules import Clock
from edgessl.schema import validate


def _changed(place: str, value: object) -> dict[str, Any]:
    values = tomllib.loads(TEXT)
    *parents, last = place.split(".")
    table: Any = values
    for part in parents:
        table = table[int(part)] if part.isdigit() else table.setdefault(part, {})
    table[last] = value
    return values


def _refusal(place: str, value: object) -> str:
    with pytest.raises(UserError) as refusal:
        validate(Recipe, _changed(place, value), "small.toml")
    return str(refusal.value)


def test_the_smallest_recipe_is_accepted_and_one_decay_stands_for_both_ends() -> None:
    recipe = validate(Recipe, tomllib.loads(TEXT), "small.toml")
    assert recipe.finetune.optim.weight_decay == (1e-4, 1e-4)
    assert recipe.optim.weight_decay == (0.0, 0.0)


@pytest.mark.parametrize(
    ("place", "value", "line"),
    [
        ("views.0.sise_px", 64, "views.0.sise_px: unknown key; did you mean size_px?"),
        ("finetune.view.jitter.hue", 0.6,
         "finetune.view.jitter.hue: Input should be less than or equal to 0.5, got 0.6"),
        ("views.0.scale", [0.5, 0.2],
         "views.0: scale must be two shares, 0 < low <= high <= 1, got (0.5, 0.2)"),
        ("views.0.ratio", [0.0, 1.0],
         "views.0: ratio must be two numbers with 0 < low <= high, got (0.0, 1.0)"),
        ("views.0.blur_sigma", [0.0, 1.0],
         "views.0: blur_sigma must be two numbers with 0 < low <= high, got (0.0, 1.0)"),
        ("views.0.blur_p", [1.0],
         "views.0: blur_p needs one probability a view (2), got 1 ([1.0]); "
         "give 2, or leave it out for none"),
        ("views.0.count", 1, "views.0.count must be at least 2: dino compares views of the first "
         "group, got 1"),
        ("views.0.interpolation", "nearest",
         "views.0.interpolation: Input should be 'bilinear' or 'bicubic', got 'nearest'"),
        ("image.crop_px", 40, "image: crop_px must be at most resize_px (36), got 40"),
        ("pretrain.batch_size", "8",
         "pretrain.batch_size: Input should be a valid integer, got '8'"),
        ("optim.name", "adam", "optim: Input tag 'adam' found using 'name' does not match any of "
         "the expected tags: 'lars', 'lars_airl', 'lars_simclr', 'adamw', 'sgd'"),
        ("optim.betas", [0.9, 0.99], "optim.betas: unknown key"),
        ("method.queue", 4096, "method.queue: unknown key"),
        ("backbone.name", "mobilnetv2", "backbone.name: must be one of mobilenetv2, "),
        ("backbone.name", "mobilnetv2", "or timm:NAME, got 'mobilnetv2'; did you mean mobilenetv2"),
        ("backbone.last_stage", "drop", "backbone.last_stage = 'drop' needs a warm-up"),
        ("backbone.last_stage", "cut", "Input should be 'keep', 'remove' or 'drop'"),
        ("backbone", {"name": "deit-ti", "first_weights": "fan_out"},
         "backbone: first_weights must be 'timm' for deit-ti, a transformer, whose only "
         "convolution cuts patches, got 'fan_out'"),
        ("backbone.drop_path", 1.0, "backbone.drop_path: Input should be less than 1"),
        ("backbone.last_stage", "remove", "finetune.regrow must be given, because "
         "backbone.last_stage = 'remove' needs a warm-up of the stage that grows back"),
        ("data.labels", "coarse", "data.labels must be left out, because dino learns without "
         "labels, got 'coarse'"),
        ("data.hierarchy", "h.csv", "data: labels must be given with hierarchy, found none"),
        ("data.max_classes", 1, "data.max_classes: Input should be greater than or equal to 2"),
        ("views.0.count", 1, "views.0.count must be at least 2: dino compares views"),
        ("data.val_percent", 60, "data.val_percent: Input should be less than or equal to 50"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value and " " not in value else "",
)
def test_a_mistake_is_told_by_name(place: str, value: object, line: str) -> None:
    assert line in _refusal(place, value)


def test_one_view_is_enough_for_labels() -> None:
    values = tomllib.loads(TEXT)
    values |= {"method": {"name": "supervised"}, "data": {"labels": "coarse"}}
    values["views"][0]["count"] = 1
    assert validate(Recipe, values, "small.toml").method.learns_labels()


@pytest.mark.parametrize(
    "values",
    [
        {"optim": {"name": "sgd", "lr": 0.1, "warmup_epochs": 1, "warmup_percent": 5}},
        {"method": {"name": "dino", "teacher_temp_warmup_steps": 1,
                    "teacher_temp_warmup_epochs": 1}},
        {"method": {"name": "dino", "freeze_last_layer_epochs": 1, "freeze_last_layer_percent": 1}},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_duration_in_two_units_is_refused(values: dict[str, Any]) -> None:
    message = r"_\w+ and \w+: only one of them may be given, got \w+ = 1, "
    with pytest.raises(UserError, match=message):
        validate(Recipe, {**tomllib.loads(TEXT), **values}, "small.toml")


@pytest.mark.parametrize(
    ("groups", "accumulate"), [(3, 1), (8, 1), (4, 2)], ids=["uneven", "of one", "of one each"]
)
def test_groups_of_negatives_are_equal_and_hold_two_images(groups: int, accumulate: int) -> None:
    values = tomllib.loads(TEXT)
    values["method"] = {"name": "simclr", "negative_groups": groups}
    values["pretrain"]["accumulate"] = accumulate
    expected = (
        rf"method.negative_groups must cut {accumulate} micro-batch\(es\) of together 8 images "
        f"into equal groups of at least 2, got {groups}"
    )
    with pytest.raises(UserError, match=expected):
        validate(Recipe, values, "small.toml")
    values["method"]["negative_groups"] = 2
    assert validate(Recipe, values, "small.toml").method.name == "simclr"


def test_a_projector_has_the_widths_of_exactly_one_key() -> None:
    values = tomllib.loads(TEXT)
    values["method"] = {"name": "byol", "projector": {"out_dim": 8}}
    with pytest.raises(UserError) as refusal:
        validate(Recipe, values, "small.toml")
    assert (
        "method.projector: one of hidden_dims and hidden_factors must be given, found nothing"
    ) in str(refusal.value)


@pytest.mark.parametrize(
    ("unit", "value", "steps"), [("epochs", 1.5, 15), ("steps", 7, 7), ("percent", 10, 20)]
)
def test_a_duration_is_the_same_in_any_unit(unit: str, value: float, steps: int) -> None:
    recipe = validate(Recipe, _changed(f"optim.warmup_{unit}", value), "small.toml")
    assert recipe.optim.warmup(Clock(0, steps_per_epoch=10, epochs=20)) == steps


@pytest.mark.parametrize(
    ("place", "value", "run"),
    [
        ("optim.warmup_epochs", 3, "pretrain.epochs (2)"),
        ("method.teacher_temp_warmup_epochs", 3, "pretrain.epochs (2)"),
        ("method.freeze_last_layer_epochs", 2.5, "pretrain.epochs (2)"),
        ("finetune.optim.warmup_epochs", 2, "finetune.epochs (1)"),
    ],
)
def test_a_run_shorter_than_its_warmup_is_refused_naming_both(
    place: str, value: float, run: str
) -> None:
    assert f"{place} must be at most {run}, got {value:g}" in _refusal(place, value)


def test_a_run_shorter_than_the_warmup_of_its_regrown_stage_is_refused() -> None:
    regrow = {"epochs": 1, "optim": {"name": "sgd", "lr": 0.1, "warmup_epochs": 2}}
    refusal = _refusal("finetune.regrow", regrow)
    assert "finetune.regrow.optim.warmup_epochs must be at most finetune.regrow.epochs" in refusal


def test_several_mistakes_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    text = TEXT.replace("epochs = 2", "epoch = 2").replace("lr = 0.1", "lr = -1", 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refusal:
        load_recipe(str(path))
    lines = str(refusal.value).splitlines()
    assert lines[0] == "bad.toml: 3 mistake(s)"
    assert set(lines[1:]) == {
        "  optim.lr: Input should be greater than 0, got -1",
        "  pretrain.epochs: must be given, found nothing",
        "  pretrain.epoch: unknown key; did you mean epochs?",
    }
