"""Pseudo-labels count as in the papers, and losses agree with slow versions of theirs."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import Tensor

from edgessl.losses.fairness import fairness_loss
from edgessl.losses.weighted_cross_entropy import weighted_cross_entropy
from edgessl.methods.semi.alignment import Alignment
from edgessl.methods.semi.fixmatch import FixMatch
from edgessl.methods.semi.flexmatch import FlexMatch
from edgessl.methods.semi.freematch import FreeMatch
from edgessl.methods.semi.softmatch import SoftMatch

CLASSES = 4


def draw(images: int, seed: int = 0) -> Tensor:
    """Return distributions of all degrees of confidence, ``(images, 4)``."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.linspace(0.2, 6.0, images)[:, None]
    return (scale * torch.randn(images, CLASSES, generator=generator)).softmax(dim=1)


def test_cross_entropy_is_the_papers_sum_over_all_images_counted_or_not() -> None:
    logits, targets = torch.randn(6, CLASSES, generator=torch.Generator().manual_seed(1)), draw(6)
    weights = torch.tensor([0.0, 1.0, 0.5, 0.0, 0.25, 1.0])
    total = 0.0
    for row, target, weight in zip(logits.tolist(), targets.tolist(), weights.tolist(),
                                   strict=True):  # fmt: skip
        bottom = log(sum(exp(value) for value in row))
        total += weight * -sum(t * (value - bottom) for t, value in zip(target, row, strict=True))
    found = weighted_cross_entropy(logits, targets, weights)
    assert found.item() == pytest.approx(total / 6, rel=1e-5)


def test_no_gradient_reaches_targets_and_weights() -> None:
    logits, targets = torch.zeros(3, CLASSES, requires_grad=True), draw(3).requires_grad_()
    weights = torch.ones(3, requires_grad=True)
    weighted_cross_entropy(logits, targets, weights).backward()
    assert logits.grad is not None
    assert targets.grad is None
    assert weights.grad is None


def test_fixmatch_counts_what_reaches_the_threshold() -> None:
    probabilities = torch.tensor([[0.95, 0.05, 0, 0], [0.2, 0.7, 0.1, 0], [0, 0, 0.04, 0.96]])
    found = FixMatch(0.95)(probabilities, torch.arange(3))
    assert found.classes.tolist() == [0, 1, 3]
    assert found.weights.tolist() == [1.0, 0.0, 1.0]


def slow_flexmatch(
    steps: list[tuple[Tensor, Tensor]], threshold: float, images: int
) -> list[list[float]]:
    """Count with lists, image by image: equations 5, 6, 10 and 11 of FlexMatch."""
    learned_as = {position: None for position in range(images)}
    weights = []
    for probabilities, positions in steps:
        sigma = [sum(1 for c in learned_as.values() if c == k) for k in range(CLASSES)]
        unused = sum(1 for c in learned_as.values() if c is None)
        beta = [s / max([*sigma, unused]) for s in sigma]
        of_class = [threshold * b / (2 - b) for b in beta]
        rows = probabilities.tolist()
        weights.append([float(max(row) >= of_class[row.index(max(row))]) for row in rows])
        for row, position in zip(rows, positions.tolist(), strict=True):
            if max(row) >= threshold:
                learned_as[position] = row.index(max(row))  # type: ignore[assignment]
    return weights


def test_flexmatch_lowers_thresholds_as_the_paper_does() -> None:
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2))
    steps = [(draw(6, seed), order.roll(3 * seed)[:6]) for seed in range(8)]
    rule = FlexMatch(0.8, images=12, classes=CLASSES)
    found = [rule(*step).weights.tolist() for step in steps]
    assert found == slow_flexmatch(steps, 0.8, 12)
    assert {0.0, 1.0} == {weight for step in found for weight in step}


def slow_freematch(steps: list[Tensor], momentum: float) -> list[list[float]]:
    """Follow confidence and classes number by number: equations 5 to 8 of FreeMatch."""
    time, local, weights = 1 / CLASSES, [1 / CLASSES] * CLASSES, []
    for number, probabilities in enumerate(steps):
        rows, share = probabilities.tolist(), max(1 - momentum, 1 / (number + 1))
        time += share * (sum(max(row) for row in rows) / len(rows) - time)
        for k in range(CLASSES):
            local[k] += share * (sum(row[k] for row in rows) / len(rows) - local[k])
        of_class = [value / max(local) * time for value in local]
        weights.append([float(max(row) >= of_class[row.index(max(row))]) for row in rows])
    return weights


def test_freematch_follows_confidence_as_the_paper_does() -> None:
    steps = [draw(16, seed) for seed in range(6)]
    rule = FreeMatch(CLASSES, 0.7, 0.1)
    assert [rule(step, torch.arange(16)).weights.tolist() for step in steps] == (
        slow_freematch(steps, 0.7)
    )


def slow_fairness(
    strong: Tensor, chosen: list[bool], model: list[float], histogram: list[float]
) -> float:
    """Write out equation 12 of FreeMatch with lists."""
    rows = [row for row, taken in zip(strong.tolist(), chosen, strict=True) if taken]
    mean = [sum(row[k] for row in rows) / len(rows) for k in range(CLASSES)]
    said = [sum(row.index(max(row)) == k for row in rows) / len(rows) for k in range(CLASSES)]
    now = [m / s if s else 0.0 for m, s in zip(mean, said, strict=True)]
    wanted = [m / h if h else 0.0 for m, h in zip(model, histogram, strict=True)]
    return sum(
        w / sum(wanted) * log(n / sum(now) + 1e-12) for w, n in zip(wanted, now, strict=True)
    )


def test_fairness_is_the_papers_and_falls_where_a_class_is_missed() -> None:
    strong, chosen = draw(12, 3), torch.tensor([True, False, True] * 4)
    model, histogram = torch.tensor([0.4, 0.3, 0.2, 0.1]), torch.tensor([0.5, 0.25, 0.25, 0.0])
    found = fairness_loss(strong, chosen, model, histogram)
    slow = slow_fairness(strong, chosen.tolist(), model.tolist(), histogram.tolist())
    assert found.item() == pytest.approx(slow, rel=1e-4)
    assert fairness_loss(strong, torch.zeros(12, dtype=torch.bool), model, histogram).item() == 0.0


def test_softmatch_weighs_by_a_gaussian_below_the_mean_confidence() -> None:
    steps, momentum = [draw(10, seed) for seed in range(5)], 0.6
    rule, mean, variance = SoftMatch(momentum, 2.0), 0.0, 1.0
    for number, step in enumerate(steps):
        top = [max(row) for row in step.tolist()]
        share = max(1 - momentum, 1 / (number + 1))
        now = sum(top) / len(top)
        mean += share * (now - mean)
        variance += share * (sum((t - now) ** 2 for t in top) / (len(top) - 1) - variance)
        wanted = [exp(-((min(t - mean, 0.0)) ** 2) / (2 * variance / 4)) for t in top]
        assert rule(step, torch.arange(10)).weights.tolist() == pytest.approx(wanted, rel=1e-4)


def test_a_rule_in_evaluation_mode_learns_nothing() -> None:
    for rule in (FlexMatch(0.5, 20, CLASSES), FreeMatch(CLASSES, 0.9, 0.1), SoftMatch(0.9, 2.0)):
        rule.eval()
        before = {key: value.clone() for key, value in rule.state_dict().items()}
        rule(draw(20), torch.arange(20))
        assert all(torch.equal(value, before[key]) for key, value in rule.state_dict().items())


def test_aligned_predictions_have_the_wanted_shares_on_average() -> None:
    """Predictions that say class 0 too often say it as often as wanted in the end."""
    wanted = torch.tensor([0.1, 0.2, 0.3, 0.4])
    alignment = Alignment(wanted, momentum=0.5)
    skewed = (draw(400) * torch.tensor([8.0, 1.0, 1.0, 1.0])).clamp(min=0.05)
    skewed = skewed / skewed.sum(dim=1, keepdim=True)
    aligned = alignment(skewed)
    expected = skewed * wanted / skewed.mean(dim=0)
    torch.testing.assert_close(aligned, expected / expected.sum(dim=1, keepdim=True))
    assert (aligned.mean(dim=0) - wanted).abs().max() < (skewed.mean(dim=0) - wanted).abs().max()
