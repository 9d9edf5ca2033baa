"""One logistic regression a class: what scikit-learn fits, for all classes at once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from edgessl.metrics.linear_probe import GRID
from edgessl.metrics.tags import fit_tag_probe


def _data(count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Features of which the first three say, with noise, what an image shows."""
    draw = np.random.default_rng(0)
    shown = draw.random((count, 3)) < 0.4
    features = draw.normal(size=(count, 6)) * 3.0 + 5.0
    features[:, :3] += 6.0 * shown
    return features, shown


def test_every_class_gets_the_regression_that_scikit_learn_fits() -> None:
    features, shown = _data(200)
    probe = fit_tag_probe(features, shown)
    inputs = (features - features.mean(axis=0)) / features.std(axis=0)
    for k in range(3):
        model = LogisticRegression(C=probe.inverse_penalty, tol=1e-8, max_iter=1000)
        expected = model.fit(inputs, shown[:, k]).decision_function(inputs)
        assert probe.scores(features)[:, k] == pytest.approx(expected, abs=0.01)
    assert probe.inverse_penalty in GRID


def test_a_constant_feature_and_a_class_never_shown_do_no_harm() -> None:
    features, shown = _data(60)
    features[:, 5] = 2.5
    shown[:, 2] = False
    probe = fit_tag_probe(features, shown)
    scores = probe.scores(features)
    assert np.isfinite(scores).all()
    assert (scores[:, 2] < 0).all()
    assert not probe.weight[:, 5].any()
