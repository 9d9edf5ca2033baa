"""The moving average moves parameters, and leaves buffers alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgessl.methods.ema import teacher_of, update_teacher


@pytest.mark.parametrize("momentum", [0.0, 0.75, 1.0])
def test_the_teacher_keeps_its_share(momentum: float) -> None:
    student = nn.BatchNorm1d(3)
    teacher = teacher_of(student)
    nn.init.constant_(student.weight, 5.0)  # the teacher's is 1
    student.running_mean = torch.full((3,), 9.0)
    update_teacher(teacher, student, momentum)
    expected = torch.full((3,), momentum * 1.0 + (1.0 - momentum) * 5.0)
    torch.testing.assert_close(teacher.weight.data, expected)
    assert teacher.running_mean is not None
    assert not teacher.running_mean.any()


def test_the_teacher_shares_no_memory_with_the_student() -> None:
    student = nn.Linear(2, 2)
    teacher = teacher_of(student)
    before = teacher.weight.clone()
    nn.init.zeros_(student.weight)
    assert torch.equal(teacher.weight, before)
    assert student.weight.requires_grad
    assert not teacher.weight.requires_grad
