"""Supervised pretraining: every view has its image's label, mixup pairs images, not views."""

from __future__ import annotations

import math

import pytest
import torch
from reference.mixed_cross_entropy import slow_mixed_cross_entropy
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.methods.build import build_method
from edgessl.methods.mixup import draw_mixup
from edgessl.methods.supervised import SupervisedPretraining
from edgessl.recipe.method_tables.supervised import SupervisedPretrainingTable
from edgessl.schedules import Clock

CLOCK = Clock(0, 1, 1)
LABELS = torch.tensor([0, 1, 2, 0])


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A small network, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone("timm:test_efficientnet", "keep", 32).eval()


def _method(backbone: Backbone, **changes: float) -> SupervisedPretraining:
    table = SupervisedPretrainingTable(name="supervised", **changes)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        method = build_method(backbone, table, 3).eval()
    assert isinstance(method, SupervisedPretraining)
    return method


def _views(*counts: int) -> list[Tensor]:
    """Groups of so many views of four images, the first of 32 px and the others of 24 px."""
    rng = torch.Generator().manual_seed(0)
    sizes = [32, *[24] * (len(counts) - 1)]
    return [
        torch.randn(count, 4, 3, px, px, generator=rng)
        for count, px in zip(counts, sizes, strict=True)
    ]


@pytest.mark.parametrize("counts", [(1,), (2, 3)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_mean_over_views_and_images(
    backbone: Backbone, counts: tuple[int, ...], smoothing: float
) -> None:
    method, views = _method(backbone, label_smoothing=smoothing), _views(*counts)
    step = method(views, LABELS, CLOCK)
    losses, right = [], []
    for group in views:
        for view in group:
            logits = method.fc(backbone(view))
            losses.append(
                slow_mixed_cross_entropy(
                    logits.tolist(), LABELS.tolist(), LABELS.tolist(), 1.0, smoothing
                )
            )
            right += (logits.argmax(1) == LABELS).tolist()
    assert step.loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    share = 100.0 * sum(right) / len(right)
    assert step.log["train_top1_percent"].item() == pytest.approx(share)
    assert step.log["chance_loss"].item() == pytest.approx(math.log(3))


def test_mixup_has_one_weight_and_the_same_partners_for_all_views(backbone: Backbone) -> None:
    method, views = _method(backbone, mixup_alpha=1.0), _views(1, 2)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        mixup = draw_mixup(1.0, 4)
        torch.manual_seed(5)
        step = method(views, LABELS, CLOCK)
    assert mixup.partners is not None
    losses = []
    for group in views:
        for view in group:
            mixed = mixup.weight * view + (1 - mixup.weight) * view[mixup.partners]
            logits, others = method.fc(backbone(mixed)), LABELS[mixup.partners]
            losses.append(
                slow_mixed_cross_entropy(
                    logits.tolist(), LABELS.tolist(), others.tolist(), mixup.weight, 0.0
                )
            )
    assert step.loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_without_mixup_nothing_is_drawn() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        before = torch.get_rng_state()
        assert draw_mixup(0.0, 4).partners is None
        assert torch.equal(torch.get_rng_state(), before)


def test_the_whole_network_gets_a_gradient(backbone: Backbone) -> None:
    method = _method(backbone)
    method(_views(1), LABELS, CLOCK).loss.backward()
    assert all(parameter.grad is not None for parameter in method.parameters())
    method.zero_grad(set_to_none=True)


def test_its_classifier_starts_as_told_and_no_head_is_kept(backbone: Backbone) -> None:
    method = _method(backbone, classifier_std=0.01)
    assert method.fc.weight.std().item() == pytest.approx(0.01, rel=0.2)
    assert not method.fc.bias.any()
    assert len(method.hidden_part()) == 0


def test_it_refuses_to_train_without_labels(backbone: Backbone) -> None:
    with pytest.raises(ValueError, match="needs labels"):
        _method(backbone)(_views(1), None, CLOCK)
    with pytest.raises(ValueError, match="at least 2 labels, got 1"):
        build_method(backbone, SupervisedPretrainingTable(name="supervised"), 1)
