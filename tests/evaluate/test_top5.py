"""Top-5 stands beside top-1 where there are more than ten classes, in every protocol."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgessl.evaluate.protocols import PROTOCOLS, Evaluation, LabelledOutputs
from edgessl.export.gates.accuracy import check_accuracy


def _outputs(classes: int, images: int = 4) -> LabelledOutputs:
    """One-hot features with a little of the next class: the nearest class is the right one."""
    labels = torch.arange(classes).repeat(images)
    rows = torch.eye(classes)[labels] + 0.1 * torch.eye(classes)[(labels + 1) % classes]
    return LabelledOutputs(rows, labels)


def _evaluate(protocol: str, classes: int) -> Evaluation:
    outputs = _outputs(classes)
    empty = LabelledOutputs(torch.empty(0, 0), torch.empty(0, dtype=torch.int64))
    return PROTOCOLS[protocol].score({"train": outputs, "val": empty, "test": outputs}, classes)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_eleven_classes_have_it_and_ten_do_not(protocol: str) -> None:
    many = _evaluate(protocol, 11)
    assert many.top5 is not None
    assert (many.top5.value, many.score.value) == (100.0, 100.0)
    assert _evaluate(protocol, 10).top5 is None


def test_it_counts_the_five_highest() -> None:
    labels = torch.arange(12)
    logits = (labels[:, None] + 7.0 - torch.arange(12)) % 12  # four are above the label
    logits[0] = torch.arange(12.0)  # eleven are
    found = PROTOCOLS["top1"].score({"test": LabelledOutputs(logits, labels)}, 12)
    assert found.score.value == 0.0
    assert found.top5 is not None
    assert found.top5.value == pytest.approx(100 * 11 / 12)


def test_the_accuracy_gate_tells_it_of_the_file() -> None:
    labels = np.arange(20) % 11
    gate = check_accuracy(labels, labels, labels, max_drop_percent=0.5,
                          top5=np.arange(20) > 0)  # fmt: skip
    assert gate.numbers["top5"]["value"] == 95.0
    assert "; top-5 95.0 % [" in gate.finding
    assert "top5" not in check_accuracy(labels, labels, labels, max_drop_percent=0.5).numbers
