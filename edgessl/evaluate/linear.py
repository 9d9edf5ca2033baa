"""Linear probe: fitted on train, its penalty chosen on val, scored on test."""

from __future__ import annotations

from edgessl.evaluate.evaluation import Evaluation, LabelledOutputs
from edgessl.metrics.linear_probe import fit_linear_probe
from edgessl.metrics.topk import top1


def evaluate_linear(
    train: LabelledOutputs, val: LabelledOutputs, test: LabelledOutputs, num_classes: int
) -> Evaluation:
    """Classify test images by a logistic regression on frozen features.

    Args:
        train: Features to fit on.
        val: Features to choose the penalty on; if empty, it is cross-validated on train.
        test: Features to score, touched once.
        num_classes: Number of classes ``K``.

    Raises:
        UserError: Train has fewer than two classes.
    """
    probe = fit_linear_probe(train.outputs, train.labels, val.outputs, val.labels, num_classes)
    predictions = probe.logits(test.outputs).argmax(dim=1)
    return Evaluation(top1(predictions, test.labels), predictions)
