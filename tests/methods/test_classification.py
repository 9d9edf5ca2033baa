"""Training of a classifier: cross-entropy, smoothing, mixup, and parts that stay as they are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgessl.backbones import Backbone, Classifier
from edgessl.methods.classification import Supervised, one_label
from edgessl.schedules import Clock

CLOCK = Clock(0, 1, 1)
LABELS = torch.tensor([0, 1, 2, 0])


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """A ResNet-18 without its last stage, for three classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Classifier(Backbone("resnet18", "remove", 32), 3)


@pytest.fixture
def images() -> Tensor:
    """One view of four images, ``(1, 4, 3, 32, 32)``."""
    return torch.randn(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_the_loss_is_cross_entropy_with_smoothing(classifier: Classifier, images: Tensor) -> None:
    method = Supervised(classifier, objective=one_label(0.1)).eval()
    logits = classifier(images[0])
    step = method([images], LABELS, CLOCK)
    torch.testing.assert_close(step.loss, cross_entropy(logits, LABELS, label_smoothing=0.1))
    right = (logits.argmax(1) == LABELS).float().mean() * 100
    assert step.log["train_top1_percent"] == right


def test_mixup_draws_from_torchs_generator_so_that_a_step_can_be_repeated(
    classifier: Classifier, images: Tensor
) -> None:
    method = Supervised(classifier, mixup_alpha=1.0).eval()
    losses = []
    for seed in (0, 0, 1):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            losses.append(method([images], LABELS, CLOCK).loss.item())
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_frozen_modules_keep_their_statistics_in_training_mode(
    classifier: Classifier, images: Tensor
) -> None:
    norms = [m for m in classifier.modules() if isinstance(m, nn.BatchNorm2d)]
    method = Supervised(classifier, frozen=(norms[0],)).train()
    still, moving = norms[0].running_mean, norms[1].running_mean
    assert still is not None
    assert moving is not None
    before = still.clone(), moving.clone()
    method([images], LABELS, CLOCK)
    assert torch.equal(still, before[0])
    assert not torch.equal(moving, before[1])


def test_it_refuses_to_train_without_labels(classifier: Classifier, images: Tensor) -> None:
    with pytest.raises(ValueError, match="needs labels"):
        Supervised(classifier)([images], None, CLOCK)
