"""A feature space for prototypes takes off the mean, and what varies within every class."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.artifact.enrolled import gain
from edgessl.backbones.prototypes import FeatureSpace, fit_space

CLASSES, WIDTH = 6, 24


def drawn(each: int, seed: int) -> tuple[Tensor, Tensor]:
    """Classes that differ a little in all directions, and vary a lot in the first three."""
    means = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(CLASSES).repeat_interleave(each)
    noise = 0.5 * torch.randn(len(labels), WIDTH, generator=generator)
    noise[:, :3] *= 20
    return means[labels] + noise + 5.0, labels


def placed(space: FeatureSpace, features: Tensor) -> Tensor:
    return normalize((features - space.centre) @ space.projection, dim=1)


def test_the_mean_of_five_images_finds_a_class_that_the_space_was_not_made_with() -> None:
    features, labels = drawn(40, seed=1)
    old = labels < CLASSES - 1
    space = fit_space(features[old], labels[old], CLASSES - 1)
    few, of_few = drawn(5, seed=2)
    new = normalize(placed(space, few[of_few == CLASSES - 1]).sum(dim=0), dim=0)
    test, truth = drawn(50, seed=3)
    vectors = torch.cat([space.vectors, gain(5, space.resultant) * new[None]])
    scores = vectors @ placed(space, test).T
    right = (scores.argmax(dim=0) == truth).double()
    assert right.mean() > 0.9
    assert right[truth == CLASSES - 1].mean() > 0.8
    centred = normalize(features - features.mean(dim=0), dim=1)
    raw = normalize(torch.stack([centred[labels == k].mean(dim=0) for k in range(CLASSES)]), dim=1)
    plain = (raw @ normalize(test - features.mean(dim=0), dim=1).T).argmax(dim=0)
    assert (plain == truth).double().mean() < 0.7  # what is wide within classes misleads


def test_vectors_have_length_one_and_classes_count_the_same() -> None:
    features, labels = drawn(10, seed=1)
    space = fit_space(features, labels, CLASSES)
    assert space.vectors.norm(dim=1) == pytest.approx(torch.ones(CLASSES), abs=1e-5)
    twice = fit_space(
        torch.cat([features, features[labels == 0]]), torch.cat([labels, labels[labels == 0]]),
        CLASSES,
    )  # fmt: skip
    torch.testing.assert_close(twice.centre, space.centre)


def test_one_image_a_class_is_enough_to_be_finite() -> None:
    features, labels = drawn(1, seed=1)
    space = fit_space(features, labels, CLASSES)
    assert space.resultant == 1.0
    assert torch.isfinite(space.projection).all()
    assert (space.vectors @ placed(space, features).T).argmax(dim=0).tolist() == labels.tolist()


def test_few_images_gain_more_than_many_and_certain_ones_nothing() -> None:
    assert gain(1, 0.3) > gain(5, 0.3) > gain(100, 0.3) > 1.0
    assert gain(5, 1.0) == 1.0
