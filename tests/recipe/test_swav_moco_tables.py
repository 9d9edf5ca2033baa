"""Tables of SwAV and MoCo refuse what cannot be trained, by name."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from small_recipe import TEXT

from edgessl.errors import UserError
from edgessl.recipe import Recipe
from edgessl.recipe.method_tables.moco import MocoTable
from edgessl.recipe.method_tables.swav import SwavTable
from edgessl.schedules import Clock
from edgessl.schema import validate

HEAD = {"hidden_dims": [16], "out_dim": 8}


def _recipe(method: dict[str, Any], **pretrain: int) -> Recipe:
    values = tomllib.loads(TEXT)
    values["method"] = method
    values["pretrain"].update(pretrain)
    return validate(Recipe, values, "small.toml")


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ({"name": "swav", "queue": 7},
         "method.queue must hold at least the 8 images of a micro-batch, or be 0 for no queue, "
         "got 7"),
        ({"name": "swav", "student_temp": 0.1}, "method.student_temp: unknown key"),
        ({"name": "swav", "queue_start_epochs": 1, "queue_start_steps": 3},
         "queue_start_epochs and queue_start_steps: only one of them may be given"),
        ({"name": "swav", "queue_start_epochs": 3},
         "method.queue_start_epochs must be at most pretrain.epochs (2), got 3"),
        ({"name": "swav", "freeze_prototypes_epochs": 3},
         "method.freeze_prototypes_epochs must be at most pretrain.epochs (2), got 3"),
        ({"name": "moco", "teacher_predictor": True},
         "teacher_predictor must be false, because there is no predictor"),
        ({"name": "moco", "projector": HEAD, "predictor": {**HEAD, "out_dim": 4}},
         "predictor.out_dim must be projector.out_dim (8), got 4"),
        ({"name": "moco", "queue": 0},
         "method.queue: Input should be greater than or equal to 1, got 0"),
        ({"name": "moco", "keys": "second"},
         "method.keys: Input should be 'first' or 'both', got 'second'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_mistake_is_told_by_name(method: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError) as refusal:
        _recipe(method)
    assert line in str(refusal.value)


def test_a_queue_is_for_two_global_views() -> None:
    values = tomllib.loads(TEXT)
    values["method"] = {"name": "swav", "queue": 8}
    values["views"][0]["count"] = 3
    with pytest.raises(UserError, match=r"views\.0\.count must be 2, because method\.queue holds"):
        validate(Recipe, values, "small.toml")


def test_a_queue_need_only_hold_a_micro_batch() -> None:
    assert _recipe({"name": "swav", "queue": 4}, accumulate=2).method.name == "swav"


def test_the_defaults_are_sslights() -> None:
    swav, moco = SwavTable(name="swav"), MocoTable(name="moco")
    assert (swav.projector.hidden_dims, swav.projector.out_dim) == ((4096,), 128)
    assert (swav.prototypes, swav.temperature, swav.epsilon) == (3000, 0.1, 0.05)
    assert (moco.projector.hidden_dims, moco.projector.out_dim) == ((2048,), 128)
    assert (moco.queue, moco.temperature, moco.teacher_momentum) == (65536, 0.2, (0.999, 0.999))
    assert swav.alpha == moco.alpha == 0.4


def test_durations_are_in_any_unit() -> None:
    clock = Clock(0, steps_per_epoch=10, epochs=20)
    assert SwavTable(name="swav", queue_start_epochs=15).queue_start(clock) == 150
    assert SwavTable(name="swav", freeze_prototypes_percent=5).freeze_prototypes(clock) == 10
    plain = SwavTable(name="swav")
    assert plain.queue_start(clock) == plain.freeze_prototypes(clock) == 0
