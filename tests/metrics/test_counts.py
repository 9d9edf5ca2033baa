"""Top-k accuracy and the confusion matrix count what they say."""

from __future__ import annotations

import torch

from edgessl.metrics.topk import confusion_matrix, top1, topk


def test_top1_is_the_share_of_equal_labels() -> None:
    score = top1(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 2, 0]))
    assert (score.value, score.n) == (75.0, 4)


def test_topk_counts_a_label_among_the_k_best() -> None:
    logits = torch.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    labels = torch.tensor([0, 1, 2])
    assert [round(topk(logits, labels, k).value) for k in (1, 2, 3, 9)] == [33, 67, 100, 100]


def test_confusion_rows_are_true_classes_and_columns_predictions() -> None:
    matrix = confusion_matrix(torch.tensor([1, 1, 2, 0]), torch.tensor([0, 0, 2, 0]), 3)
    assert matrix.tolist() == [[1, 2, 0], [0, 0, 0], [0, 0, 1]]
