"""Scores of a network on labelled images: kNN, linear probe, top-1."""

from edgessl.evaluate.evaluation import Evaluation
from edgessl.evaluate.knn import evaluate_knn
from edgessl.evaluate.linear import evaluate_linear
from edgessl.evaluate.protocols import PROTOCOLS, Protocol
from edgessl.evaluate.top1 import evaluate_top1

__all__ = [
    "PROTOCOLS",
    "Evaluation",
    "Protocol",
    "evaluate_knn",
    "evaluate_linear",
    "evaluate_top1",
]
