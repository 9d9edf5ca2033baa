"""Scores of a network on labelled images: kNN, linear probe, top-1."""

from edgessl.evaluate.protocols import (
    PROTOCOLS,
    Evaluation,
    Protocol,
    evaluate_knn,
    evaluate_linear,
    evaluate_top1,
)

__all__ = [
    "PROTOCOLS",
    "Evaluation",
    "Protocol",
    "evaluate_knn",
    "evaluate_linear",
    "evaluate_top1",
]
