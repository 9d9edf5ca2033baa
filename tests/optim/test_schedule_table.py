"""Rates, decay, momentum and temperature are those of the papers' released codes, epoch by epoch.

The golden values of SSLight were computed from its schedule functions at the start of each epoch:
batch 1024, 1251 steps an epoch, 200 epochs. Those of the other systems say what they belong to.
"""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from edgessl.backbones import Backbone
from edgessl.methods.byol import Byol
from edgessl.methods.dino import Dino
from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.recipe.method_tables.byol import ByolTable
from edgessl.recipe.method_tables.dino import DinoTable
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.optim_tables import AdamW, Lars, Optim, Sgd, SimClrLars
from edgessl.schedules import Clock, linear_then_flat

BATCH, STEPS_PER_EPOCH, EPOCHS = 1024, 1251, 200
CNN = Lars(name="lars", lr=0.48, final_lr=0.0048, warmup_epochs=10, weight_decay=(1e-6, 1e-6))
SWAV = Lars(name="lars", lr=0.3, final_lr=0.0048, warmup_lr=0.075, warmup_epochs=10)
VIT = AdamW(name="adamw", lr=0.0005, final_lr=1e-5, warmup_epochs=10, weight_decay=(0.04, 0.4))

#: epoch -> lr CNN, lr SwAV, lr ViT, decay ViT, EMA, teacher temperature CNN, ViT
GOLDEN = {
    0: (0.0, 0.07500, 0.0, 0.04000, 0.996000, 0.04, 0.04),
    1: (0.19202, 0.18751, 0.0002000, 0.04002, 0.996000, 0.040612, 0.041034),
    5: (0.96008, 0.63754, 0.0010001, 0.04055, 0.996006, 0.043061, 0.045172),
    9: (1.72814, 1.08758, 0.0018001, 0.04180, 0.996020, 0.045510, 0.049310),
    10: (1.92000, 1.20000, 0.0020000, 0.04222, 0.996025, 0.046122, 0.050345),
    20: (1.90694, 1.19185, 0.0019864, 0.04881, 0.996098, 0.052245, 0.060690),
    30: (1.86811, 1.16762, 0.0019461, 0.05962, 0.996218, 0.058367, 0.07),
    50: (1.71808, 1.07399, 0.0017902, 0.09272, 0.996586, 0.07, 0.07),
    75: (1.41817, 0.88683, 0.0014786, 0.15112, 0.997235, 0.07, 0.07),
    100: (1.04148, 0.65175, 0.0010872, 0.22000, 0.998000, 0.07, 0.07),
    125: (0.65147, 0.40836, 0.0006819, 0.28888, 0.998765, 0.07, 0.07),
    150: (0.31384, 0.19766, 0.0003311, 0.34728, 0.999414, 0.07, 0.07),
    175: (0.08546, 0.05513, 0.0000938, 0.38630, 0.999848, 0.07, 0.07),
    199: (0.00493, 0.00488, 0.0000101, 0.39998, 1.000000, 0.07, 0.07),
}
EPOCHS_LISTED = pytest.mark.parametrize("epoch", GOLDEN)


def _clock(epoch: int) -> Clock:
    return Clock(epoch * STEPS_PER_EPOCH, STEPS_PER_EPOCH, EPOCHS)


def _rate(table: Optim, clock: Clock, batch: int = BATCH) -> float:
    return set_hyperparameters(build_optimizer(nn.Linear(2, 2), table), table, clock, batch)


@EPOCHS_LISTED
def test_learning_rates(epoch: int) -> None:
    cnn, swav, vit = GOLDEN[epoch][:3]
    assert _rate(CNN, _clock(epoch)) == pytest.approx(cnn, abs=1e-5)
    assert _rate(SWAV, _clock(epoch)) == pytest.approx(swav, abs=1e-5)
    assert _rate(VIT, _clock(epoch)) == pytest.approx(vit, abs=1e-7)


def test_the_last_step_nears_the_floor_but_does_not_reach_it() -> None:
    last = Clock(EPOCHS * STEPS_PER_EPOCH - 1, STEPS_PER_EPOCH, EPOCHS)
    for table, floor in ((CNN, 0.0048), (SWAV, 0.0048), (VIT, 1e-5)):
        assert floor < _rate(table, last) == pytest.approx(floor, rel=1e-4)


def test_the_last_warmup_step_already_runs_at_the_peak() -> None:
    last = Clock(10 * STEPS_PER_EPOCH - 1, STEPS_PER_EPOCH, EPOCHS)
    assert _rate(CNN, last) == 1.92


@EPOCHS_LISTED
def test_weight_decay_reaches_the_decaying_group_only(epoch: int) -> None:
    optimizer = build_optimizer(nn.Linear(2, 2), VIT)
    set_hyperparameters(optimizer, VIT, _clock(epoch), BATCH)
    decay = {group["decays"]: group["weight_decay"] for group in optimizer.param_groups}
    assert decay[True] == pytest.approx(GOLDEN[epoch][3], abs=1e-5)
    assert decay[False] == 0.0


@pytest.fixture(scope="module")
def method() -> Dino:
    """A DINO of ones whose student is all zeros, so that the teacher shows the EMA momentum."""
    table = DinoTable(name="dino", hidden_dim=4, bottleneck_dim=4, prototypes=4)
    method = Dino(Backbone("resnet18", "remove", 32), table)
    for parameter in (*method.backbone.parameters(), *method.head.parameters()):
        parameter.requires_grad_(False).zero_()
    return method


@EPOCHS_LISTED
def test_teacher_momentum(method: Dino, epoch: int) -> None:
    teacher = method.teacher_head.direction
    teacher.fill_(1.0)
    method.after_step(_clock(epoch))
    expected = torch.full_like(teacher, GOLDEN[epoch][4])
    torch.testing.assert_close(teacher.data, expected.data, atol=1e-6, rtol=0)


@EPOCHS_LISTED
@pytest.mark.parametrize(("warmup_epochs", "column"), [(50, 5), (30, 6)], ids=["cnn", "vit"])
def test_teacher_temperature(epoch: int, warmup_epochs: int, column: int) -> None:
    table = DinoTable(name="dino", teacher_temp_warmup_epochs=warmup_epochs)
    clock = _clock(epoch)
    value = linear_then_flat(clock.epoch, table.teacher_temp_warmup(clock), *table.teacher_temp)
    assert value == pytest.approx(GOLDEN[epoch][column], abs=1e-6)


@pytest.mark.parametrize("warmup_epochs", [50, 30])
def test_teacher_temperature_peaks_in_the_last_warmup_epoch(warmup_epochs: int) -> None:
    assert linear_then_flat(warmup_epochs - 2, warmup_epochs, 0.04, 0.07) < 0.07
    assert linear_then_flat(warmup_epochs - 1, warmup_epochs, 0.04, 0.07) == 0.07


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [(10, 0.059631), (50, 0.051213), (100, 0.03), (150, 0.008787), (199, 4e-6)],
)
def test_a_cosine_by_epochs_is_flat_within_an_epoch(epoch: int, expected: float) -> None:
    """Values of ssl-small: 0.06, no warm-up, 200 epochs, not scaled with the batch."""
    table = Sgd(name="sgd", lr=0.06, lr_batch=0, schedule_by="epoch")
    for step in (0, 999):
        clock = Clock(epoch * 1000 + step, 1000, 200)
        assert _rate(table, clock, batch=512) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (0, 0.01), (1, 0.059), (5, 0.255), (9, 0.451), (10, 0.5), (11, 0.499998),
        (100, 0.484158), (200, 0.43197), (400, 0.254971), (600, 0.074989), (799, 2e-6),
    ],
)  # fmt: skip
def test_s3l_warms_up_by_steps_and_falls_by_epochs(epoch: int, expected: float) -> None:
    """Values of S3L's SimCLR and BYOL: 0.5, 800 epochs, warm-up over 10 from 0.01."""
    table = Sgd(
        name="sgd", lr=0.5, lr_batch=0, warmup_epochs=10, warmup_lr=0.01, warmup_peak="next",
        schedule_by="epoch",
    )
    assert _rate(table, Clock(7 * epoch, 7, 800), batch=512) == pytest.approx(expected, abs=1e-6)
    middle = _rate(table, Clock(7 * epoch + 3, 7, 800), batch=512)
    rise = 0.49 * 3 / 70 if epoch < 10 else 0.0
    assert middle == pytest.approx(expected + rise, abs=1e-6)


AIRL = Sgd(name="sgd", lr=0.03, warmup_epochs=10, warmup_lr=1e-6, warmup_peak="next")


@pytest.mark.parametrize(
    ("epoch", "lr", "momentum"),
    [
        (1, 0.003001, 0.990001), (5, 0.015000, 0.990015), (10, 0.030000, 0.990062),
        (20, 0.029795, 0.990245), (50, 0.026837, 0.991464), (100, 0.016239, 0.995000),
        (150, 0.004841, 0.998536), (199, 0.000002, 0.999999),
    ],
)  # fmt: skip
def test_airl_after_so_many_epochs(epoch: int, lr: float, momentum: float) -> None:
    """Batch 256, 200 epochs of 5004 steps; the momentum is that of the step which ends them."""
    clock = Clock(epoch * 5004, 5004, 200)
    assert _rate(AIRL, clock, batch=256) == pytest.approx(lr, abs=1e-6)
    last_step = Clock(clock.step - 1, 5004, 200)
    assert _teacher_share(last_step) == pytest.approx(momentum, abs=1e-6)


def test_airls_first_step_runs_at_the_start_of_the_warmup() -> None:
    assert _rate(AIRL, Clock(0, 5004, 200), batch=256) == 1e-6


def test_airls_momentum_counts_steps_from_one_and_ends_at_one() -> None:
    assert _teacher_share(Clock(0, 1, 4)) == pytest.approx(1.0 - 0.01 * (2**-0.5 + 1.0) / 2.0)
    assert _teacher_share(Clock(3, 1, 4)) == 1.0


def _teacher_share(clock: Clock) -> float:
    """Return the share that BYOL's teacher keeps of itself after a step."""
    table = ByolTable(
        name="byol",
        projector=Projection(hidden_dims=(), out_dim=2),
        predictor=Projection(hidden_dims=(), out_dim=2),
    )
    method = Byol(_Nothing(), table)  # type: ignore[arg-type]
    method.double()
    for parameter in method.projector.parameters():
        parameter.requires_grad_(False).zero_()
    teacher = next(method.teacher_projector.parameters())
    teacher.fill_(1.0)
    method.after_step(clock)
    return teacher.flatten()[0].item()


class _Nothing(nn.Linear):
    """A network of one number, for the heads to stand on."""

    feature_dim = 1

    def __init__(self) -> None:
        super().__init__(1, 1)


@pytest.mark.parametrize(
    ("percent_done", "expected"), [(0, 0.2), (59.9, 0.2), (60, 0.02), (79.9, 0.02), (80, 0.002)]
)
def test_milestones_are_shares_of_the_stage(percent_done: float, expected: float) -> None:
    """AIRL's multistep schedule in pretraining: a tenth at 60 and 80 percent."""
    table = Sgd(name="sgd", lr=0.2, lr_batch=0, curve="steps", milestones_percent=(60.0, 80.0))
    clock = Clock(round(percent_done * 10), 10, 100)
    assert _rate(table, clock) == pytest.approx(expected)


def test_without_milestones_the_rate_stays() -> None:
    """S3L's warm-up of a stage that grows back: 0.1 throughout."""
    table = Sgd(name="sgd", lr=0.1, lr_batch=0, curve="steps")
    assert {_rate(table, Clock(step, 10, 10)) for step in (0, 50, 99)} == {0.1}


def test_an_exponential_curve_falls_once_an_epoch() -> None:
    """torchvision's MobileNetV2: times 0.98 after every epoch."""
    table = Sgd(name="sgd", lr=0.045, lr_batch=0, curve="exponential", milestone_factor=0.98)
    rates = [_rate(table, Clock(step, 10, 300)) for step in (0, 9, 10, 19, 2999)]
    assert rates == pytest.approx([0.045, 0.045, 0.0441, 0.0441, 0.045 * 0.98**299])


def test_cole_warms_up_from_zero_to_a_peak_that_is_not_scaled() -> None:
    """SimCLR's code: step / steps of the warm-up, then a cosine to 0; 4.8 at batch 4096."""
    table = SimClrLars(
        name="lars_simclr", lr=4.8, lr_batch=0, warmup_epochs=10, warmup_peak="next"
    )
    rates = [_rate(table, Clock(step, 10, 1000), batch=4096) for step in (0, 1, 50, 99, 100, 5050)]
    assert rates == pytest.approx([0.0, 0.048, 2.4, 4.752, 4.8, 2.4])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"milestones_percent": (60.0,)}, "milestones_percent must be left out with curve"),
        ({"curve": "steps", "final_lr": 0.1}, "final_lr must be left out with curve = 'steps'"),
    ],
)
def test_keys_of_another_curve_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Sgd.model_validate({"name": "sgd", "lr": 0.1, **given})


def test_the_peak_is_scaled_with_the_batch_unless_told_not_to() -> None:
    clock = Clock(0, 10, 10)
    assert _rate(Sgd(name="sgd", lr=0.1, lr_batch=256), clock, batch=512) == pytest.approx(0.2)
    assert _rate(Sgd(name="sgd", lr=0.1, lr_batch=0), clock, batch=512) == pytest.approx(0.1)
