"""What each number means and which way is better, once for the screen, the page and the docs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edgessl.diagnose.neighbours import KNN, Neighbours
from edgessl.diagnose.numbers import SplitNumbers
from edgessl.metrics.interval import Score

Better = Literal["higher", "lower", ""]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A number of a split.

    Attributes:
        key: As in JSON.
        name: In words.
        better: Which way is better; empty where neither is by itself.
        text: What it is.
        value: Reads it; None where it is not known.
        digits: Decimals.
    """

    key: str
    name: str
    better: Better
    text: str
    value: Callable[[SplitNumbers], float | Score | None]
    digits: int = 2


MEANINGS = (
    Meaning("instance_discrimination", "views found, %", "higher",
            "Images nearer to a random view of themselves than to any other image (ssl-small's "
            "instance discrimination; a larger set is harder).",
            lambda one: one.instance_discrimination, 1),
    Meaning("instance_discrimination_views", "views found by views, %", "higher",
            "The same from one random view to another.",
            lambda one: one.instance_discrimination_views, 1),
    Meaning("alignment", "alignment", "lower",
            "Mean squared distance between an image and a view of it, both at length 1: 0 equal, 2 "
            "unrelated.", lambda one: one.alignment),
    Meaning("alignment_views", "alignment of views", "lower",
            "The same between two views.", lambda one: one.alignment_views),
    Meaning("mean_distance", "distance of any two", "",
            "The same between any two images: what the alignments have to be read against.",
            lambda one: one.mean_distance),
    Meaning("invariance", "view / any two", "lower",
            "Alignment as a share of the distance of any two: 0 where views change nothing, 1 "
            "where they change as much as another image does.", lambda one: one.invariance),
    Meaning("intra_class_alignment", "intra-class alignment", "lower",
            "The same distance between images of one class.",
            lambda one: one.intra_class_alignment),
    Meaning("tolerance", "tolerance", "higher",
            "Mean cosine between images of one class: 1 less half of that.",
            lambda one: one.tolerance),
    Meaning("class_spread", "class / any two", "lower",
            "Intra-class alignment as a share of the distance of any two: 0 where a class is a "
            "point, 1 where classes mean nothing. In few directions it says little.",
            lambda one: one.class_spread),
    Meaning("uniformity", "uniformity", "lower",
            "How evenly features fill the sphere: -4 evenly, 0 all the same (128 images, three "
            "times).", lambda one: one.uniformity),
    Meaning("uniformity_views", "uniformity of views", "lower",
            "The same of views.", lambda one: one.uniformity_views),
    Meaning("effective_rank", "effective rank", "higher",
            "RankMe: how many directions the features use; at most the number of images or of "
            "dimensions. Between networks of one kind only.", lambda one: one.effective_rank, 0),
    Meaning("dimensions", "dimensions that share the variance", "higher",
            "Participation ratio of the covariance: how many directions share most of it.",
            lambda one: one.dimensions, 0),
    Meaning("spread", "spread", "",
            "Standard deviation of features at length 1, times the root of their width: near 1 "
            "without a common part, 0 collapsed.", lambda one: one.spread),
    Meaning("dead", "dead dimensions", "lower",
            "Dimensions that vary by less than a hundredth of what is usual.",
            lambda one: float(one.dead), 0),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vote:
    """A number of nearest neighbours.

    Attributes:
        name: In words.
        text: What it is.
        score: Reads it.
        note: Reads what stands behind it.
    """

    name: str
    text: str
    score: Callable[[Neighbours], Score]
    note: Callable[[Neighbours], str] = lambda _one: ""


def votes(ks: tuple[int, ...]) -> tuple[Vote, ...]:
    """Return the numbers of neighbours, the one that networks are compared by first.

    Args:
        ks: Numbers of neighbours that were asked.
    """

    def of(k: int) -> Vote:
        return Vote(f"kNN, k = {k}, %", "Similar images vote, weighted by exp(cosine / 0.07).",
                    lambda one: one.knn[k])  # fmt: skip

    ordered = (KNN, *(k for k in ks if k != KNN))  # which is always asked
    return (
        *map(of, ordered),
        Vote("best-NN, %", "Plain majority of the nearest by Euclidean distance, at the best k of "
             "1, 3, … 101 (ssl-small).", lambda one: one.best_nn.score,
             lambda one: f"k = {one.best_nn.k}"),
        Vote("best-NN at length 1, %", "The same with features at length 1.",
             lambda one: one.best_nn_unit.score, lambda one: f"k = {one.best_nn_unit.k}"),
    )  # fmt: skip
