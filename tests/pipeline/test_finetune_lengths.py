"""``edgessl finetune --minutes`` and ``--plan``: time from a measured rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_run import Listener

from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.finetune import lengths, plan
from edgessl.pipeline.finetune.asked import Asked
from edgessl.pipeline.finetune.finetune import finetune
from edgessl.pipeline.finetune.finetune import plan as plan_finetune
from edgessl.pipeline.finetune.plan import describe_finetune_plan
from edgessl.pipeline.results import Run
from edgessl.pipeline.score.probe import Rate
from edgessl.pipeline.size_cost import MEASURED, size_costs


@pytest.fixture
def rate(monkeypatch: pytest.MonkeyPatch) -> float:
    """Images a second, as if measured."""
    found = 10.0
    for place in (lengths, plan):
        monkeypatch.setattr(place, "supervised_rate", lambda _context: Rate(found, 8))
    return found


@pytest.fixture
def asked(tiny: Path, copied: Callable[[Path], Path], tmp_path: Path) -> Asked:
    run = copied(tmp_path / "pretraining")
    return Asked(
        str(run / "pretrained.pt"), str(tiny / "images"), out=tmp_path / "tuned", device="cpu",
        baselines=("none",),
    )


def tune(asked: Asked, listener: Listener) -> Run:
    return finetune(asked, listener)


def test_minutes_are_as_many_epochs_as_the_rate_gives_and_are_settled_once(
    rate: float, asked: Asked
) -> None:
    with_minutes, listener = replace(asked, minutes=2.0), Listener("finetune", 1)
    with pytest.raises(Interrupted):
        tune(with_minutes, listener)
    planned = plan_finetune(with_minutes, reporter=Listener())
    assert planned is not None
    seconds = planned.images * planned.epochs / rate * 1.08
    assert seconds <= 120.0 < seconds + planned.images / rate * 1.08  # another epoch is too much
    again = Listener("finetune", 3)
    with pytest.raises(Interrupted):
        tune(replace(asked, minutes=3.0), again)
    own = planned.epochs - 1  # one of them is that of the last stage that grows back
    assert f"2 minutes are {own} epochs of fine-tuning here." in listener.sentences
    assert (
        f"--minutes 3: this run keeps the {own} epochs that it has; --epochs can make it longer."
    ) in again.sentences


def test_a_plan_tells_steps_and_time_and_writes_nothing(rate: float, asked: Asked) -> None:
    planned = plan_finetune(replace(asked, epochs=3), reporter=Listener())
    assert planned is not None
    assert planned.epochs == 4  # with the one of the last stage that grows back
    assert planned.steps == 4 * (planned.images // 8)
    assert planned.minutes == round(planned.images * 4 / rate * 1.08 / 60.0, 1)
    told = describe_finetune_plan(planned)
    assert f"{planned.images} with labels, 32 px" in told
    assert not Path(str(asked.out)).exists()


def test_a_baseline_takes_its_time_beside(rate: float, asked: Asked) -> None:
    alone = plan_finetune(replace(asked, epochs=100), reporter=Listener())
    both = plan_finetune(replace(asked, epochs=100, baselines=("random",)), reporter=Listener())
    assert alone is not None
    assert both is not None
    assert both.minutes == pytest.approx(2 * alone.minutes, abs=0.1)
    assert describe_finetune_plan(both).count("random") == 1


def test_minutes_that_hold_no_epoch_are_refused_with_the_time_that_one_takes(
    rate: float, asked: Asked
) -> None:
    with pytest.raises(UserError, match=r"--minutes: must leave time for an epoch of fine-tuning"):
        tune(replace(asked, minutes=0.01), Listener())
    assert not (Path(str(asked.out)) / "run.json").exists()


def test_a_folder_with_a_run_of_another_kind_is_refused(rate: float, asked: Asked) -> None:
    out = Path(str(asked.out))
    out.mkdir()
    (out / "run.json").write_text('{"identity": {}, "finished": {}}')
    with pytest.raises(UserError, match=r"run\.json what its run is, which one of this kind does"):
        tune(replace(asked, minutes=1.0), Listener())


def test_what_the_start_or_another_option_decides_is_no_change_to_the_recipe(asked: Asked) -> None:
    twice = replace(asked, overrides=("finetune.epochs=3",), minutes=1.0)
    with pytest.raises(UserError, match=r"--set finetune\.epochs: must be given without --minutes"):
        plan_finetune(twice, reporter=Listener())
    other = replace(asked, overrides=("backbone.last_stage=keep",))
    with pytest.raises(UserError, match=r"--set backbone.last_stage: must be 'remove', because"):
        plan_finetune(other, reporter=Listener())


def test_epochs_and_minutes_together_are_refused(asked: Asked) -> None:
    with pytest.raises(UserError, match="--minutes: must be given without --epochs, got both"):
        tune(replace(asked, minutes=1.0, epochs=1), Listener())


@pytest.mark.parametrize("size_px", [32, 64, 128, 224])
def test_the_cost_of_a_size_is_said_with_what_was_measured(size_px: int) -> None:
    told = size_costs(size_px)
    assert told.startswith(f"{size_px} px; measured for EfficientNet-Lite0")
    assert all(f"{px} px {score}" in told for px, score in MEASURED.items())
    assert ("--size 128 takes about" in told) == (size_px < 128)
