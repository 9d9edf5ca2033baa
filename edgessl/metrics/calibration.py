"""Whether probabilities mean what they say: temperature, and expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.metrics.interval import Score

Array = NDArray[np.float64]

BINS = 15
RESAMPLES = 500
MIN_IMAGES = 50
"""With as many a fit costs under 0.05 nats in 95 of 100 draws, even where there is little to gain
(bench/LOG.md, how few val images a temperature takes)."""
LOG_RANGE = np.log(20.0)
"""Temperatures tried: from 1/20 to 20."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """What logits are divided by, so that the softmax of them is as sure as it is right.

    Attributes:
        value: The temperature, > 0; 1 changes nothing.
        images: Images it was fitted on.
        kept: Why it is 1 without a fit; empty otherwise.
        nll_before: Mean negative log-likelihood of the labels at temperature 1, in nats.
        nll: The same at this temperature.
    """

    value: float
    images: int
    kept: str = ""
    nll_before: float | None = None
    nll: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; those that are not there are left out."""
        values = {
            "temperature": self.value, "images": self.images, "kept": self.kept,
            "nll_before": self.nll_before, "nll": self.nll,
        }  # fmt: skip
        return {key: value for key, value in values.items() if value not in (None, "")}


def fit_temperature(logits: NDArray[Any], labels: NDArray[np.int64]) -> Temperature:
    """Fit one temperature by the likelihood of the labels.

    Args:
        logits: Of images that were not trained on, ``(N, K)``.
        labels: Their classes, ``(N,)``.

    Returns:
        The temperature; 1 where there are too few images, or all answers are right or all wrong:
        then the likelihood has no optimum.

    Source:
        Guo et al. 2017, arXiv:1706.04599, section 4.2.
    """
    n = len(labels)
    if n < MIN_IMAGES:
        return Temperature(1.0, n, f"val has {n} images, and a fit takes {MIN_IMAGES}")
    right = int((logits.argmax(axis=1) == labels).sum())
    if right in (0, n):
        return Temperature(1.0, n, f"all {n} answers on val are {'right' if right else 'wrong'}")
    from scipy.optimize import minimize_scalar  # takes longer to import than all else here

    values = logits.astype(np.float64)
    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(values / np.exp(log_t), labels),
        bounds=(-LOG_RANGE, LOG_RANGE), method="bounded",
    )  # fmt: skip
    before = negative_log_likelihood(values, labels)
    return Temperature(float(np.exp(found.x)), n, "", before, float(found.fun))


def negative_log_likelihood(logits: Array, labels: NDArray[np.int64]) -> float:
    """Return the mean of minus log softmax at the labels, in nats.

    Args:
        logits: ``(N, K)``.
        labels: ``(N,)``.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_prob = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -float(log_prob[np.arange(len(labels)), labels].mean())


def softmax(logits: NDArray[Any]) -> Array:
    """Turn logits ``(N, K)`` into probabilities ``(N, K)``, in float64."""
    values = logits.astype(np.float64)
    exponents = np.exp(values - values.max(axis=1, keepdims=True))
    shares: Array = exponents / exponents.sum(axis=1, keepdims=True)
    return shares


def expected_calibration_error(confidences: Array, right: NDArray[Any]) -> float:
    """Compare how sure answers are with how often they are right, in bins of equally many.

    Args:
        confidences: Probability of each answer, ``(N,)`` with N >= 1.
        right: Whether it is right, ``(N,)``.

    Returns:
        Mean of ``|confidence - accuracy|`` over the bins, weighted by their sizes, in percent.

    Source:
        Nguyen & O'Connor 2015, arXiv:1508.05154 (adaptive bins).
    """
    order = np.argsort(confidences, kind="stable")
    gaps = (confidences - right)[order]
    edges = np.linspace(0, len(gaps), min(BINS, len(gaps)) + 1).astype(int)
    return 100 * float(np.abs(np.add.reduceat(gaps, edges[:-1])).sum()) / len(gaps)


@dataclass(frozen=True, slots=True)
class CalibrationError:
    """The expected calibration error of a network on some images.

    Attributes:
        score: Percent, with the 95 % interval of a bootstrap.
        if_perfect: What a network whose probabilities are exactly right would get on as many
            images by chance, percent: the error is never 0 on few images.
    """

    score: Score
    if_perfect: float

    def to_dict(self) -> dict[str, float | int]:
        """Return ``value low high n if_perfect`` as plain numbers."""
        return {**self.score.to_dict(), "if_perfect": self.if_perfect}

    def __str__(self) -> str:
        low, high = self.score.low, self.score.high
        return (
            f"{self.score.value:.1f} % [{low:.1f}, {high:.1f}] (perfect probabilities would give "
            f"{self.if_perfect:.1f} % on {self.score.n} images)"
        )


def calibration_error(confidences: NDArray[Any], right: NDArray[Any]) -> CalibrationError:
    """Measure the expected calibration error of answers.

    A bootstrap of this error is too high by as much as the error itself, since drawing twice makes
    bins noisier; its interval is shifted back to where the error is.

    Args:
        confidences: Probability of each answer, ``(N,)`` with N >= 1.
        right: Whether it is right, ``(N,)``.
    """
    sure, hits, n = confidences.astype(np.float64), right.astype(np.float64), len(right)
    value = expected_calibration_error(sure, hits)
    generator = np.random.default_rng(0)
    draws = generator.integers(0, n, (RESAMPLES, n))
    again = np.array([expected_calibration_error(sure[d], hits[d]) for d in draws])
    low, high = np.percentile(again, (2.5, 97.5)) + value - again.mean()
    by_chance = [
        expected_calibration_error(sure, (generator.random(n) < sure).astype(np.float64))
        for _ in range(RESAMPLES // 5)
    ]
    score = Score(value, max(0.0, float(low)), min(100.0, float(high)), n)
    return CalibrationError(score, float(np.mean(by_chance)))


def calibration_of(
    logits: NDArray[Any], labels: NDArray[np.int64], temperature: float = 1.0
) -> CalibrationError:
    """Measure the same of logits.

    Args:
        logits: ``(N, K)`` with N >= 1.
        labels: Classes, ``(N,)``.
        temperature: What to divide the logits by first.
    """
    shares = softmax(logits / temperature)
    return calibration_error(shares.max(axis=1), shares.argmax(axis=1) == labels)
