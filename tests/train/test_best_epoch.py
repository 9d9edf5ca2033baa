"""The epoch that is kept: the best on val where that is clear, the last otherwise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from edgessl.train.stage.best_epoch import FEWEST_IMAGES, BestEpoch


def answers(right: int, images: int = 200) -> Tensor:
    """The first ``right`` images right."""
    return torch.arange(images) < right


def follow(*right: int, images: int = 200, **options: object) -> BestEpoch:
    """Show epochs with so many right answers; the weights are the epoch's number."""
    network = nn.Linear(1, 1, bias=False)
    choice = BestEpoch(network, len(right), **{"keeps_best": True, **options})  # type: ignore[arg-type]
    for epoch, count in enumerate(right, start=1):
        nn.init.constant_(network.weight, float(epoch))
        choice.note(epoch, answers(count, images))
        if choice.ended:
            break
    return choice


def test_a_clearly_better_epoch_is_kept_with_its_weights() -> None:
    kept = follow(100, 150, 120).choose()
    assert (kept.epoch, kept.last, kept.val_top1, kept.last_val_top1) == (2, 3, 75.0, 60.0)
    assert kept.weights is not None
    assert kept.weights["weight"].item() == 2.0


@pytest.mark.parametrize(("last", "epoch"), [(148, 2), (149, 3), (150, 3)])
def test_a_difference_within_a_standard_error_is_none(last: int, epoch: int) -> None:
    """Two images gained and none lost: a difference of 2, its error about sqrt(3)."""
    assert follow(100, 150, last).choose().epoch == epoch


def test_few_images_choose_nothing_and_that_is_said() -> None:
    kept = follow(50, 90, 10, images=FEWEST_IMAGES - 1).choose()
    assert (kept.epoch, kept.weights) == (3, None)
    assert kept.why == "val has 99 images, and choosing an epoch takes 100"


def test_a_recipe_that_keeps_the_last_keeps_it() -> None:
    kept = follow(100, 150, 120, keeps_best=False).choose()
    assert (kept.epoch, kept.weights, kept.val_top1) == (3, None, 60.0)


def test_a_stage_that_is_made_longer_is_judged_on_the_same_images() -> None:
    choice = BestEpoch(nn.Linear(1, 1), 3, keeps_best=True)
    assert choice.asked is None
    choice.restore(follow(100, 150, images=120).state())
    assert choice.asked == 120


def test_without_val_the_last_is_kept() -> None:
    kept = BestEpoch(nn.Linear(1, 1), 7, keeps_best=True).choose()
    assert (kept.epoch, kept.last, kept.weights) == (7, 7, None)
    assert kept.why.startswith("val is not scored: it has no images")


def test_patience_ends_the_stage_and_keeps_the_best_however_close() -> None:
    choice = follow(100, 150, 149, 150, 190, patience=2)
    assert choice.ended
    kept = choice.choose()
    assert (kept.epoch, kept.last, kept.epochs) == (2, 4, 5)


def test_patience_ends_nothing_that_cannot_choose() -> None:
    choice = follow(50, 40, 40, 40, images=50, patience=1)
    assert not choice.ended


def test_it_goes_on_from_its_state_and_patience_anew_in_a_longer_stage() -> None:
    choice = follow(100, 150, 140, 140, patience=2)
    same, longer = (BestEpoch(nn.Linear(1, 1, bias=False), epochs, keeps_best=True, patience=2)
                    for epochs in (4, 9))  # fmt: skip
    for other in (same, longer):
        other.restore(choice.state())
    assert (choice.ended, same.ended, longer.ended) == (True, True, False)
    longer.note(5, answers(140))
    assert not longer.ended
    longer.note(6, answers(140))
    assert longer.ended
    assert longer.choose().epoch == 2
