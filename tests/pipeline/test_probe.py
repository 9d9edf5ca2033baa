"""A plan measures whole batches where they are quick, and smaller ones where they are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pipeline.stories import plan_recipe
from tiny_run import Listener, request

from edgessl.pipeline.plan import _whole_batch_mb
from edgessl.pipeline.score import probe
from edgessl.recipe import load_recipe
from edgessl.recipe.stages import pretrain_stages

SMALL = (
    "backbone.name=timm:test_resnet", "backbone.last_stage=keep", "pretrain.batch_size=24",
    "pretrain.batchnorm_groups=4", "finetune.batch_size=16",
)  # fmt: skip


def _plan(tiny: Path, *overrides: str) -> str:
    wanted = request(
        tiny / "tiny.toml", tiny / "images", tiny / "unmade", *SMALL, *overrides
    )
    return plan_recipe(wanted, Listener())


def test_whole_batches_are_measured_where_the_time_allows_it(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_BUDGET_S", 1e6)
    batches = _batches(monkeypatch)
    assert "img/s fine-tuning (measured on this device)\n" in _plan(tiny)
    assert batches == [8, 8, *[24] * 8, 8, 8, *[16] * 8]  # a first look, then warm-up and steps


def test_where_they_would_take_long_a_first_look_is_all(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_BUDGET_S", 1e-6)
    batches = _batches(monkeypatch)
    told = _plan(tiny)
    assert batches == [8, 8, 8, 8]
    assert "(measured on this device, in smaller batches to answer soon)" in told
    assert "MB (in proportion to those)" in told


def test_a_plan_counts_the_images_that_pretraining_draws(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_BUDGET_S", 1e-6)
    assert "images      10 for pretraining" in _plan(tiny, "data.max_images=10")


@pytest.mark.parametrize("groups", [6, 12])
def test_small_batches_keep_groups_of_two_images_and_more(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, groups: int
) -> None:
    monkeypatch.setattr(probe, "_BUDGET_S", 1e-6)
    batches = _batches(monkeypatch)
    _plan(tiny, f"pretrain.batchnorm_groups={groups}")
    assert batches[0] == 2 * groups


def test_fine_tuning_is_measured_as_it_will_be_done(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linear evaluation is cheaper than training all layers, and BN groups need their images."""
    monkeypatch.setattr(probe, "_BUDGET_S", 1e-6)
    batches, measured = _batches(monkeypatch), _methods(monkeypatch)
    _plan(tiny, "finetune.trains=classifier", "finetune.batchnorm_groups=8")
    assert batches == [8, 8, 16, 16]
    trained = [name for name, value in measured[-1].named_parameters() if value.requires_grad]
    assert trained == ["classifier.fc.weight", "classifier.fc.bias"]
    assert measured[-1].mixup_alpha == 0.2


def _methods(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that gets every method that is measured."""
    found: list[Any] = []
    real = probe._probe

    def noted(context: Any, method: Any, stage: Any) -> probe.Rate:
        found.append(method)
        return real(context, method, stage)

    monkeypatch.setattr(probe, "_probe", noted)
    return found


def _batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the images of every step that is measured."""
    found: list[int] = []
    real = probe._seconds

    def noted(*arguments: object) -> list[float]:
        found.extend([arguments[3]] * arguments[4])  # type: ignore[list-item, operator]
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(probe, "_seconds", noted)
    return found


def test_memory_grows_with_the_pixels_of_a_batch_but_for_gradients_and_momentum() -> None:
    recipe = load_recipe("s3l-resnet18-moco:56-112-224")
    stages = pretrain_stages(recipe)
    measured = [probe.Rate(1.0, 128), probe.Rate(1.0, 32), probe.Rate(1.0, 8)]
    found = _whole_batch_mb(300.0, 100.0, list(zip(stages, measured, strict=True)))
    assert found == pytest.approx(100.0 + 200.0 * 16)  # each measured as many pixels
