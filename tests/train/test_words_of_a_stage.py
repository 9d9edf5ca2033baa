"""What a stage says of itself while it trains: where its time goes, which loss that is, health."""

from __future__ import annotations

import pytest

from edgessl.recipe.method_tables.dino import DinoTable
from edgessl.recipe.optim_tables import Sgd
from edgessl.train.health.doctor import Doctor
from edgessl.train.stage.stage_log import _name_of_loss
from edgessl.train.stage.timing import bottleneck

SHARES = {
    "waiting_share": 0.0, "views_share": 0.05, "forward_backward_share": 0.8,
    "optimizer_share": 0.05, "teacher_share": 0.1, "loop_share": 0.0,
}  # fmt: skip


def told(**facts: float) -> str:
    return bottleneck({"images_per_s": 76.4, "data_share": 0.05, **SHARES, **facts}, "cpu")


def test_a_network_that_limits_is_as_it_should_be() -> None:
    assert told() == (
        "76 img/s: forward and backward 80 %, teacher 10 %, views 5 %, optimiser 5 %. "
        "The network is the limit on this cpu, as it should be."
    )


def test_what_limits_instead_is_named_with_a_way_out() -> None:
    assert told(teacher_share=0.9).endswith(
        ". The limit on this cpu: teacher; a larger batch or a smaller head would help."
    )


def test_data_that_takes_long_is_named_even_where_the_network_takes_longer() -> None:
    assert told(data_share=0.25, views_share=0.25).endswith(
        ". Data takes 25 % of the steps, mostly views: fewer or smaller ones, or bilinear "
        "interpolation, would help most."
    )


def test_nothing_is_said_before_the_first_step() -> None:
    assert told(images_per_s=0.0) == ""


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"loss": 2.5}, "loss"),
        ({"loss": 5.0, "dino_loss": 5.0}, "loss"),
        ({"loss": 4.2, "dino_loss": 5.0}, "total loss"),
    ],
    ids=["no term apart", "the term alone", "with a regulariser"],
)
def test_a_loss_is_the_total_where_it_is_not_the_one_that_is_plotted(
    entry: dict[str, float], name: str
) -> None:
    assert _name_of_loss(entry) == name


def test_a_doctor_that_has_seen_too_little_does_not_speak_of_warming_up() -> None:
    table = DinoTable(name="dino", hidden_dim=4, bottleneck_dim=4, prototypes=4)
    doctor = Doctor(table, Sgd(name="sgd", lr=0.1))
    assert doctor.word_to_show == "health not judged yet"
    doctor.word = "healthy"
    assert doctor.word_to_show == "healthy"
