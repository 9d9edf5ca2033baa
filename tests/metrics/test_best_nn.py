"""Plain votes of the nearest agree with loops and with scikit-learn, and ties go as the paper's."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from edgessl.metrics import best_nn, knn
from edgessl.metrics.best_nn import KS, majority_votes, nearest, nearest_others
from edgessl.metrics.knn import knn_leave_one_out, knn_predict


def noise(rows: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


def test_nearest_are_those_of_a_loop_the_nearest_first() -> None:
    bank, query = noise(30, 4) + 5.0, noise(7, 4, seed=1) + 5.0
    for row, found in zip(query, nearest(bank, query, 6).tolist(), strict=True):
        distances = [float((row - one).norm()) for one in bank]
        assert found == sorted(range(30), key=distances.__getitem__)[:6]


def test_an_image_is_not_its_own_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_nn, "_CHUNK", 4)  # so that the diagonal goes over chunks
    features = noise(11, 3)
    found = nearest_others(features, 20)
    assert found.shape == (11, 10)
    assert all(index not in row for index, row in enumerate(found.tolist()))


@pytest.mark.parametrize("k", [1, 5, 17])
def test_votes_agree_with_scikit_learn(k: int) -> None:
    bank, query = noise(80, 6), noise(40, 6, seed=1)
    labels = (bank[:, 0] > 0).long() + 2 * (bank[:, 1] > 0).long()
    reference = KNeighborsClassifier(k, algorithm="brute").fit(bank.numpy(), labels.numpy())
    found = majority_votes(nearest(bank, query, KS[-1]), labels, 4)[k]
    assert found.tolist() == reference.predict(query.numpy()).tolist()


def test_a_tie_goes_to_the_lowest_class_index_and_k_beyond_the_bank_is_left_out() -> None:
    votes = majority_votes(torch.tensor([[0, 1, 2]]), torch.tensor([2, 1, 0]), 3)
    assert {k: one.tolist() for k, one in votes.items()} == {1: [2], 3: [0]}
    assert [*majority_votes(torch.tensor([[0, 1]]), torch.tensor([1, 1]), 2)] == [1]


def test_leave_one_out_agrees_with_a_vote_of_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knn, "_CHUNK", 7)
    features = noise(25, 5)
    labels = (features[:, 0] > 0).long() + (features[:, 1] > 0.5).long()
    expected = [
        int(knn_predict(torch.cat([features[:i], features[i + 1 :]]),
                        torch.cat([labels[:i], labels[i + 1 :]]), features[i : i + 1], 3, k=4))
        for i in range(25)
    ]  # fmt: skip
    assert knn_leave_one_out(features, labels, 3, k=4).tolist() == expected
    assert len(Counter(expected)) > 1
