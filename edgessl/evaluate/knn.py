"""kNN from train to test: cosine, k 20, weights exp(s / 0.07)."""

from __future__ import annotations

from edgessl.evaluate.evaluation import Evaluation, LabelledOutputs
from edgessl.metrics.knn import knn_predict
from edgessl.metrics.topk import top1


def evaluate_knn(train: LabelledOutputs, test: LabelledOutputs, num_classes: int) -> Evaluation:
    """Classify test images by the most similar training images.

    Args:
        train: Features of the images that vote.
        test: Features of the images to classify.
        num_classes: Number of classes ``K``.
    """
    predictions = knn_predict(train.outputs, train.labels, test.outputs, num_classes)
    return Evaluation(top1(predictions, test.labels), predictions)
