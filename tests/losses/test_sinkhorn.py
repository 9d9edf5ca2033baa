"""Sinkhorn gives every sample one unit, and every prototype nearly the same share."""

from __future__ import annotations

import pytest
import torch

from edgessl.losses.sinkhorn import sinkhorn


@pytest.mark.parametrize("epsilon", [0.01, 0.05, 0.5])
def test_each_sample_sums_to_one(epsilon: float) -> None:
    scores = torch.rand(32, 10, generator=torch.Generator().manual_seed(0))
    rows = sinkhorn(scores, epsilon=epsilon).sum(dim=1)
    torch.testing.assert_close(rows, torch.ones(32))


def test_prototypes_are_used_nearly_equally() -> None:
    scores = torch.rand(64, 8, generator=torch.Generator().manual_seed(0))
    scores[:, 0] += 1.0  # every sample likes the first one best
    marginals = sinkhorn(scores, epsilon=0.1).sum(dim=0)
    torch.testing.assert_close(marginals, torch.full((8,), 8.0), atol=0.8, rtol=0)
    exact = sinkhorn(scores, epsilon=0.1, iterations=100).sum(dim=0)
    torch.testing.assert_close(exact, torch.full((8,), 8.0), atol=1e-3, rtol=0)


def test_matches_the_paper_written_without_logarithms() -> None:
    scores = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)).double()
    q = torch.exp(scores / 0.05).T  # (K, N)
    q = q / q.sum()
    for _ in range(3):
        q = q / q.sum(dim=1, keepdim=True) / len(q)
        q = q / q.sum(dim=0, keepdim=True) / q.shape[1]
    expected = (q * q.shape[1]).T
    torch.testing.assert_close(sinkhorn(scores, epsilon=0.05), expected)


def test_equal_scores_are_assigned_uniformly() -> None:
    torch.testing.assert_close(sinkhorn(torch.ones(5, 4), epsilon=0.05), torch.full((5, 4), 0.25))


def test_huge_scores_do_not_overflow_and_no_gradient_flows() -> None:
    scores = (torch.eye(4) * 1e4).requires_grad_()
    result = sinkhorn(scores, epsilon=0.01)
    assert not result.requires_grad
    torch.testing.assert_close(result, torch.eye(4))
