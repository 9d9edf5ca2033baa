"""What nearest neighbours say of the classes, from train to the held out split and in train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from edgessl.diagnose.outputs import SplitOutputs
from edgessl.metrics.best_nn import KS, majority_votes, nearest, nearest_others
from edgessl.metrics.interval import Score
from edgessl.metrics.knn import knn_leave_one_out, knn_predict
from edgessl.metrics.topk import top1

KNN_KS = (1, 5, 20, 100)
KNN = 20
"""The one that networks are compared by: ``edgessl eval`` has it too."""


@dataclass(frozen=True, slots=True)
class BestNN:
    """Plain votes of the nearest by Euclidean distance.

    Attributes:
        score: The best over all numbers of neighbours.
        k: That number.
        by_k: Percent by number of neighbours.
    """

    score: Score
    k: int
    by_k: Mapping[int, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**self.score.to_dict(), "k": self.k, "by_k": dict(self.by_k)}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Classes named by nearest neighbours.

    Attributes:
        held_out: The split that is asked; ``"train"`` where each of train is asked about the rest.
        bank: Images that vote.
        knn: Weighted votes of the most similar, by their number.
        best_nn: Plain votes, features as they are: ssl-small's best-NN.
        best_nn_unit: The same, features at length 1.
        right: Which images the vote of 20 names rightly, ``(Q,)``.
        recalls: By class index: how many it names rightly, of how many.
    """

    held_out: str
    bank: int
    knn: Mapping[int, Score]
    best_nn: BestNN
    best_nn_unit: BestNN
    right: NDArray[np.bool_]
    recalls: Mapping[int, tuple[int, int]]

    @property
    def score(self) -> Score:
        """What networks are compared by."""
        return self.knn[KNN]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "asked": self.held_out, "bank": self.bank,
            "knn": {str(k): score.to_dict() for k, score in self.knn.items()},
            "best_nn": self.best_nn.to_dict(), "best_nn_normalised": self.best_nn_unit.to_dict(),
        }  # fmt: skip


def ask_held_out(
    train: SplitOutputs, held_out: SplitOutputs, classes: int, ks: Sequence[int] = KNN_KS
) -> Neighbours | None:
    """Let train name the classes of a held out split.

    Args:
        train: Its images vote.
        held_out: Its images are asked.
        classes: Number of classes ``K``.
        ks: Numbers of neighbours that vote.

    Returns:
        None without labels.
    """
    known, truth = train.labels, held_out.labels
    if known is None or truth is None:
        return None
    knn = {
        k: knn_predict(train.features, known, held_out.features, classes, k) for k in _with(ks)
    }
    indices = (
        nearest(bank, query, KS[-1])
        for bank, query in (
            (train.features, held_out.features),
            (normalize(train.features, dim=1), normalize(held_out.features, dim=1)),
        )
    )  # fmt: skip
    best, unit = (_best(majority_votes(index, known, classes), truth) for index in indices)
    return _told(held_out.looked.name, len(known), knn, truth, best, unit)


def leave_one_out(
    train: SplitOutputs, classes: int, ks: Sequence[int] = KNN_KS
) -> Neighbours | None:
    """Let all other images of train name the class of each.

    Args:
        train: At least two images.
        classes: Number of classes ``K``.
        ks: Numbers of neighbours that vote.

    Returns:
        None without labels.
    """
    known = train.labels
    if known is None:
        return None
    knn = {k: knn_leave_one_out(train.features, known, classes, k) for k in _with(ks)}
    indices = (
        nearest_others(bank, KS[-1]) for bank in (train.features, normalize(train.features, dim=1))
    )
    best, unit = (_best(majority_votes(index, known, classes), known) for index in indices)
    return _told("train", len(known) - 1, knn, known, best, unit)


def _with(ks: Sequence[int]) -> list[int]:
    return sorted({KNN, *ks})


def _best(votes: Mapping[int, Tensor], truth: Tensor) -> BestNN:
    scores = {k: top1(predicted, truth) for k, predicted in votes.items()}
    k = max(scores, key=lambda one: (scores[one].value, -one))
    return BestNN(scores[k], k, {one: score.value for one, score in scores.items()})


def _told(
    held_out: str, bank: int, knn: Mapping[int, Tensor], truth: Tensor, best: BestNN, unit: BestNN
) -> Neighbours:
    right = knn[KNN] == truth
    counts = torch.bincount(truth)
    hits = torch.bincount(truth[right], minlength=len(counts))
    recalls = {
        label: (int(hits[label]), int(count)) for label, count in enumerate(counts) if int(count)
    }
    scores = {k: top1(predicted, truth) for k, predicted in knn.items()}
    return Neighbours(held_out, bank, scores, best, unit, right.numpy(), recalls)
