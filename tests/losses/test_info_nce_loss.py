"""info_nce_loss agrees with MoCo's equation and with lightly, and has the properties it should."""

from __future__ import annotations

import math

import pytest
import torch
from reference.info_nce import slow_info_nce
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.losses.info_nce import contrast_logits, info_nce_loss

WIDTH, BATCH, QUEUE = 6, 4, 9


def _units(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    draw = torch.randn(*shape, WIDTH, generator=rng, dtype=torch.float64)
    return normalize(draw, dim=-1)


def _drawn(views: int) -> tuple[Tensor, Tensor, Tensor]:
    return _units(views, BATCH, seed=1), _units(BATCH, seed=2), _units(QUEUE, seed=3)


@pytest.mark.parametrize("views", [1, 3, 7])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_matches_the_paper(views: int, alpha: float) -> None:
    queries, keys, queue = _drawn(views)
    expected = slow_info_nce(
        queries, keys, queue, temperature=0.2, global_queries=1, alpha=alpha
    )
    logits = contrast_logits(queries, keys, queue, temperature=0.2)
    assert logits.shape == (views, BATCH, 1 + QUEUE)
    loss = info_nce_loss(logits, global_queries=1, alpha=alpha)
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_the_neutral_alpha_is_the_plain_mean_over_all_queries() -> None:
    logits = contrast_logits(*_drawn(7), temperature=0.2)
    single = [info_nce_loss(view[None], global_queries=1, alpha=0.4) for view in logits]
    for alpha in (1 / 7, 0.142857):  # the configs round it
        loss = info_nce_loss(logits, global_queries=1, alpha=alpha)
        torch.testing.assert_close(loss, torch.stack(single).mean(), rtol=0, atol=1e-6)


def test_collapse_scores_the_logarithm_of_the_candidates() -> None:
    same = _units(1)
    logits = contrast_logits(
        same.expand(7, BATCH, -1), same.expand(BATCH, -1), same.expand(QUEUE, -1), temperature=0.2
    )
    loss = info_nce_loss(logits, global_queries=1, alpha=0.4)
    assert loss.item() == pytest.approx(math.log(1 + QUEUE), rel=1e-9)


def test_a_lower_temperature_rewards_a_key_that_is_found() -> None:
    queries = _units(1, BATCH)
    losses = [
        info_nce_loss(
            contrast_logits(queries, queries[0], -queries[0], temperature=temperature),
            global_queries=1, alpha=0.4,
        )
        for temperature in (0.07, 0.2, 1.0)
    ]  # fmt: skip
    assert losses[0] < losses[1] < losses[2]


def test_agrees_with_lightlys_nt_xent_with_a_memory_bank() -> None:
    lightly_loss = pytest.importorskip("lightly.loss")
    queries, keys, _ = _drawn(1)
    theirs = lightly_loss.NTXentLoss(temperature=0.2, memory_bank_size=(QUEUE, WIDTH)).double()
    queue = theirs.memory_bank.bank.clone()
    expected = theirs(queries[0], keys)
    logits = contrast_logits(queries, keys, queue, temperature=0.2)
    torch.testing.assert_close(info_nce_loss(logits, global_queries=1, alpha=0.4), expected)
