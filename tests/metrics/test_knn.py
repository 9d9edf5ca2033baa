"""knn_predict votes as the formula says, whatever the length of features and the chunk size."""

from __future__ import annotations

from math import exp

import pytest
import torch
from torch import Tensor

from edgessl.metrics import knn
from edgessl.metrics.knn import knn_predict


def slow_knn(bank: Tensor, labels: Tensor, query: Tensor, classes: int, k: int) -> list[int]:
    predictions = []
    for one in query:
        similarity = [float(torch.cosine_similarity(one, row, dim=0)) for row in bank]
        nearest = sorted(range(len(bank)), key=lambda index: -similarity[index])[:k]
        votes = [0.0] * classes
        for index in nearest:
            votes[int(labels[index])] += exp(similarity[index] / 0.07)
        predictions.append(votes.index(max(votes)))
    return predictions


def random_problem(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    bank = torch.randn(60, 8, generator=draw) + 0.5
    return (
        bank,
        torch.randint(4, (60,), generator=draw),
        torch.randn(25, 8, generator=draw) + 0.5,
    )


@pytest.mark.parametrize("k", [1, 5, 20])
def test_agrees_with_the_formula_written_as_loops(k: int) -> None:
    bank, labels, query = random_problem(k)
    expected = slow_knn(bank, labels, query, classes=4, k=k)
    assert knn_predict(bank, labels, query, 4, k=k).tolist() == expected


def test_the_length_of_a_feature_does_not_matter() -> None:
    bank, labels, query = random_problem(1)
    scaled = knn_predict(bank * 7.0, labels, query * 0.01, 4)
    assert torch.equal(scaled, knn_predict(bank, labels, query, 4))


def test_chunks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    bank, labels, query = random_problem(2)
    whole = knn_predict(bank, labels, query, 4)
    monkeypatch.setattr(knn, "_CHUNK", 7)
    assert torch.equal(knn_predict(bank, labels, query, 4), whole)


def test_one_close_neighbour_outvotes_many_far_ones() -> None:
    bank = torch.tensor([[1.0, 0.0]] + [[0.0, 1.0]] * 19)
    labels = torch.tensor([0] + [1] * 19)
    # exp(1 / 0.07) is 1.6 million votes of weight 1.
    assert knn_predict(bank, labels, torch.tensor([[1.0, 0.0]]), 2).item() == 0


def test_fewer_images_than_neighbours_all_vote() -> None:
    bank, labels = torch.eye(3), torch.tensor([2, 0, 1])
    assert knn_predict(bank, labels, torch.eye(3), 3, k=20).tolist() == [2, 0, 1]


def test_a_tiny_temperature_does_not_overflow() -> None:
    bank, labels = torch.eye(3), torch.tensor([2, 0, 1])
    assert knn_predict(bank, labels, torch.eye(3), 3, temperature=1e-4).tolist() == [2, 0, 1]


def test_no_query_gives_no_prediction() -> None:
    bank, labels, query = random_problem(3)
    assert knn_predict(bank, labels, query[:0], 4).shape == (0,)
