"""The protocols by name, with what each one reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from edgessl.evaluate.evaluation import Evaluation, LabelledOutputs
from edgessl.evaluate.knn import evaluate_knn
from edgessl.evaluate.linear import evaluate_linear
from edgessl.evaluate.top1 import evaluate_top1

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to score a network.

    Attributes:
        reads: What the network must give: ``"features"``, or ``"logits"`` of known classes.
        splits: The splits whose outputs it needs.
        score: Outputs by split, and the number of classes ``K``, to the answer on test.
    """

    reads: Literal["features", "logits"]
    splits: tuple[SplitName, ...]
    score: Callable[[Mapping[SplitName, LabelledOutputs], int], Evaluation]


PROTOCOLS: dict[str, Protocol] = {
    "knn": Protocol(
        reads="features",
        splits=("train", "test"),
        score=lambda of, classes: evaluate_knn(of["train"], of["test"], classes),
    ),
    "linear": Protocol(
        reads="features",
        splits=("train", "val", "test"),
        score=lambda of, classes: evaluate_linear(of["train"], of["val"], of["test"], classes),
    ),
    "top1": Protocol(
        reads="logits",
        splits=("test",),
        score=lambda of, _classes: evaluate_top1(of["test"]),
    ),
}
