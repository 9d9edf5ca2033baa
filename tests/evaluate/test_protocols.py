"""Every protocol scores what it should, reads only what it declares, and keeps test for the end."""

from __future__ import annotations

import pytest
import torch

from edgessl.evaluate import PROTOCOLS, evaluate_knn, evaluate_linear, evaluate_top1
from edgessl.evaluate.protocols import LabelledOutputs, SplitName


def clusters(seed: int, per_class: int = 20) -> LabelledOutputs:
    labels = torch.arange(3).repeat_interleave(per_class)
    noise = torch.randn(len(labels), 8, generator=torch.Generator().manual_seed(seed))
    return LabelledOutputs(4.0 * torch.eye(3, 8)[labels] + noise, labels)


EMPTY = LabelledOutputs(torch.empty(0, 0), torch.empty(0, dtype=torch.int64))


def test_knn_recognises_clusters() -> None:
    evaluation = evaluate_knn(clusters(0), clusters(1), 3)
    assert evaluation.score.value > 95.0
    assert evaluation.score.n == len(evaluation.predictions) == 60


def test_linear_recognises_clusters_with_and_without_val() -> None:
    for val in (clusters(2, 5), EMPTY):
        assert evaluate_linear(clusters(0), val, clusters(1), 3).score.value > 95.0


def test_top1_takes_the_highest_logit() -> None:
    logits = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    evaluation = evaluate_top1(LabelledOutputs(logits, torch.tensor([1, 0, 0])))
    assert evaluation.predictions.tolist() == [1, 0, 1]
    assert evaluation.score.value == pytest.approx(200 / 3)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_reads_no_split_that_it_does_not_declare(name: str) -> None:
    protocol = PROTOCOLS[name]
    seeds: dict[SplitName, int] = {"train": 0, "val": 2, "test": 1}
    declared = {split: clusters(seeds[split]) for split in protocol.splits}
    assert protocol.score(declared, 8).score.n == 60


@pytest.mark.parametrize("name", ["knn", "linear"])
def test_test_labels_do_not_move_the_predictions(name: str) -> None:
    protocol = PROTOCOLS[name]
    splits: dict[SplitName, LabelledOutputs] = {
        "train": clusters(0),
        "val": clusters(2),
        "test": clusters(1),
    }
    honest = protocol.score(splits, 3).predictions
    splits["test"] = LabelledOutputs(splits["test"].outputs, splits["test"].labels.flip(0))
    assert torch.equal(protocol.score(splits, 3).predictions, honest)
