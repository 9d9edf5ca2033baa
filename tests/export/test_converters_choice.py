"""What a converter quantised is chosen by its answers on ``val``, and must reach its backend."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from edgessl.artifact import Precision
from edgessl.export.gates.delegated import check_delegated
from edgessl.export.int8.images import Chosen
from edgessl.export.int8.search import Judge
from edgessl.export.targets.calibration import Calibration, choose, history_of

LABELS = np.arange(40) % 4


def answers(wrong: int) -> NDArray[np.float32]:
    """Outputs that are right but for the first few images."""
    told = np.where(np.arange(40) < wrong, (LABELS + 1) % 4, LABELS)
    return np.eye(4, dtype=np.float32)[told]


def calibration(max_drop_percent: float = 1.0) -> Calibration:
    images = np.zeros((40, 3, 2, 2), np.uint8)
    judge = Judge(
        "top-1", images, LABELS, lambda pixels: pixels.astype(np.float32), answers(2), "val images"
    )
    core = SimpleNamespace(
        metadata=SimpleNamespace(classes=("a", "b", "c", "d")),
        target=SimpleNamespace(int8_max_drop_percent=max_drop_percent),
        test=SimpleNamespace(missing=""),
    )
    chosen = Chosen("train", (), None, ("00",), 0)
    return Calibration(core, chosen, chosen, judge)  # type: ignore[arg-type]


def test_the_candidate_that_loses_least_is_kept_and_the_first_of_equals() -> None:
    kept = choose(calibration(), {"typical": answers(6), "widest": answers(3), "other": answers(3)})
    assert kept.name == "widest"
    assert kept.lost_percent == {"typical": 10.0, "widest": 2.5, "other": 2.5}
    assert kept.gate.name == "int8 loss"
    assert kept.gate.status == "pass"  # one of forty: the interval reaches the limit
    assert "-2.5 points" in kept.gate.finding


def test_few_changes_win_over_many_that_happen_to_cancel() -> None:
    lucky = answers(2)
    lucky[:2] = np.eye(4, dtype=np.float32)[LABELS[:2]]  # two become right
    lucky[2:10] = np.eye(4, dtype=np.float32)[(LABELS[2:10] + 1) % 4]  # and eight wrong
    found = calibration()
    kept = choose(found, {"many": lucky, "few": answers(4)})
    assert kept.changed_percent == {"many": 25.0, "few": 5.0}
    assert kept.name == "few"
    better = answers(2)
    better[0] = np.eye(4, dtype=np.float32)[LABELS[0]]
    worse = answers(3)
    assert choose(found, {"worse": worse, "better": better}).name == "better"  # one change each


def test_a_clear_loss_fails_and_all_candidates_stay_on_record() -> None:
    found = calibration()
    kept = choose(found, {"typical": answers(30), "widest": answers(35)})
    assert (kept.name, kept.gate.status) == ("typical", "fail")
    record = history_of(found, kept)
    assert record["scheme"] == "weights per channel, typical ranges"
    assert [one["lost_percent"] for one in record["tried"]] == [70.0, 82.5]


@pytest.mark.parametrize(
    ("inside", "outside", "precision", "status"),
    [
        ({"f32": 53}, {}, "fp32", "pass"),
        ({"i8": 52, "f32": 1}, {}, "int8", "pass"),
        ({"f32": 53}, {}, "int8", "fail"),
        ({"f32": 50}, {"f32": 3}, "fp32", "fail"),
        ({}, {"f32": 53}, "fp32", "fail"),
        ({}, {}, "fp32", "fail"),
    ],
)
def test_every_product_must_be_computed_by_the_backend(
    inside: dict[str, int], outside: dict[str, int], precision: Precision, status: str
) -> None:
    gate = check_delegated("XNNPACK", inside, outside, precision)
    assert gate.status == status
    assert gate.finding.startswith(f"XNNPACK computes {sum(inside.values())} of ")
