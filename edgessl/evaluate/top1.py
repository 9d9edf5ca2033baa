"""Top-1 accuracy of a classifier's own answers."""

from __future__ import annotations

from edgessl.evaluate.evaluation import Evaluation, LabelledOutputs
from edgessl.metrics import topk


def evaluate_top1(test: LabelledOutputs) -> Evaluation:
    """Score the class with the highest logit.

    Args:
        test: Logits or probabilities ``(N, K)``, and labels in the order of the logits.
    """
    predictions = test.outputs.argmax(dim=1)
    return Evaluation(topk.top1(predictions, test.labels), predictions)
