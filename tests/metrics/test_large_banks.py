"""Scores of many images are those of few: chunked votes agree with votes in one go."""

from __future__ import annotations

import pytest
import torch

from edgessl.metrics import knn, near_copies
from edgessl.metrics.knn import votes_of_5
from edgessl.metrics.near_copies import count_near_rows


def test_votes_do_not_depend_on_how_many_are_asked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = torch.Generator().manual_seed(0)
    bank, query = (torch.randn(count, 8, generator=draw) for count in (40, 23))
    labels = torch.randint(3, (40,), generator=draw)
    whole = votes_of_5(bank, labels, query, 3)
    monkeypatch.setattr(knn, "_CHUNK", 4)
    assert torch.equal(votes_of_5(bank, labels, query, 3), whole)


def test_near_rows_are_counted_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_copies, "_AT_ONCE", 2)
    others = torch.eye(5)
    rows = torch.cat([others[:3] * 2, torch.ones(4, 5)])
    assert count_near_rows(rows, others) == 3
    assert count_near_rows(rows[:0], others) == 0


def test_nobody_asks_nobody() -> None:
    none = votes_of_5(torch.randn(3, 4), torch.tensor([0, 1, 1]), torch.empty(0, 4), 2)
    assert none.shape == (0,)
