"""The linear probe learns what is linear, chooses its penalty on val, and never on test."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
import torch
from torch import Tensor

from edgessl.errors import UserError
from edgessl.metrics import linear_probe
from edgessl.metrics.linear_probe import GRID, LinearProbe, fit_linear_probe


def clusters(
    seed: int, per_class: int, classes: int = 3, dim: int = 16, noise: float = 1.0
) -> tuple[Tensor, Tensor]:
    centres = 2.0 * torch.randn(classes, dim, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(classes).repeat_interleave(per_class)
    draw = torch.Generator().manual_seed(seed)
    return centres[labels] + noise * torch.randn(len(labels), dim, generator=draw), labels


NONE = (torch.empty(0, 16), torch.empty(0, dtype=torch.long))


def accuracy(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(dim=1) == labels).float().mean())


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_separable_classes_are_learned(classes: int) -> None:
    probe = fit_linear_probe(
        *clusters(0, 30, classes), *clusters(1, 10, classes), num_classes=classes
    )
    features, labels = clusters(2, 50, classes)
    assert accuracy(probe.logits(features), labels) > 0.97


def test_without_val_the_penalty_is_cross_validated_on_train() -> None:
    probe = fit_linear_probe(*clusters(0, 30, noise=3.0), *NONE, num_classes=3)
    features, labels = clusters(2, 200, noise=3.0)
    assert probe.inverse_penalty in GRID
    assert accuracy(probe.logits(features), labels) > 0.75


@pytest.mark.parametrize(("per_class", "folds"), [(40, 3), (3400, 1)])
def test_of_many_images_one_fold_chooses_the_penalty(
    per_class: int, folds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, fits = linear_probe._fit, []

    def counted(*asked: Any) -> LinearProbe:
        fits.append(len(asked[0]))
        return whole(*asked)

    monkeypatch.setattr(linear_probe, "_fit", counted)
    features, labels = clusters(0, per_class, dim=2)
    fit_linear_probe(features, labels, torch.empty(0, 2), NONE[1], num_classes=3)
    assert len(fits) == folds * len(GRID) + 1
    assert fits[-1] == len(labels)


def test_noisy_features_get_a_stronger_penalty_than_clean_ones() -> None:
    clean = fit_linear_probe(*clusters(0, 10, noise=0.5), *clusters(1, 60, noise=0.5), 3)
    noisy = fit_linear_probe(*clusters(0, 10, noise=6.0), *clusters(1, 60, noise=6.0), 3)
    assert noisy.inverse_penalty < clean.inverse_penalty


def test_scale_and_offset_of_each_feature_do_not_matter() -> None:
    train, val = clusters(0, 30, noise=2.0), clusters(1, 10, noise=2.0)
    scale = torch.logspace(-2, 2, 16)
    plain = fit_linear_probe(*train, *val, num_classes=3)
    moved = fit_linear_probe(
        train[0] * scale + 5.0, train[1], val[0] * scale + 5.0, val[1], num_classes=3
    )
    assert moved.inverse_penalty == plain.inverse_penalty
    torch.testing.assert_close(
        moved.logits(val[0] * scale + 5.0), plain.logits(val[0]), rtol=1e-2, atol=1e-2
    )


def test_a_constant_feature_is_ignored() -> None:
    features, labels = clusters(0, 30)
    features[:, 3] = 1.0
    probe = fit_linear_probe(features, labels, *NONE, num_classes=3)
    assert torch.isfinite(probe.weight).all()
    assert torch.equal(probe.weight[:, 3], torch.zeros(3))


def test_a_class_without_training_images_is_never_predicted() -> None:
    features, labels = clusters(0, 30)
    probe = fit_linear_probe(features, labels, *NONE, num_classes=5)
    assert probe.logits(features).argmax(dim=1).max() < 3


def test_one_image_per_class_is_enough_to_fit() -> None:
    probe = fit_linear_probe(*clusters(0, 1), *NONE, num_classes=3)
    features, labels = clusters(2, 50, noise=0.5)
    assert accuracy(probe.logits(features), labels) > 0.8


def test_one_class_is_refused() -> None:
    features, labels = clusters(0, 30)
    with pytest.raises(UserError, match="at least 2 classes, got 1"):
        fit_linear_probe(features, torch.zeros_like(labels), *NONE, num_classes=3)


def test_twice_gives_the_same_to_the_bit() -> None:
    first, second = (
        fit_linear_probe(*clusters(0, 30, noise=3.0), *clusters(1, 10), num_classes=3)
        for _ in range(2)
    )
    assert torch.equal(first.weight, second.weight)


@pytest.mark.slow
def test_a_full_size_probe_takes_under_ten_seconds() -> None:
    """2,500 x 1280, 38 classes."""
    train = clusters(0, 66, classes=38, dim=1280, noise=30.0)
    started = process_time()
    fit_linear_probe(*train, *clusters(1, 7, classes=38, dim=1280, noise=30.0), num_classes=38)
    assert process_time() - started < 10.0
