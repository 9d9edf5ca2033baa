"""``decay_classifier_only`` decays what is called ``fc``, and nothing else."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from edgessl.backbones import Backbone, Classifier
from edgessl.methods.classification import Supervised
from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.recipe.optim_tables import Sgd
from edgessl.schedules import Clock

TABLE = Sgd(
    name="sgd", lr=0.5, lr_batch=0, momentum=0.0, weight_decay=(0.1, 0.1),
    decay_classifier_only=True,
)  # fmt: skip


def test_only_the_classifier_shrinks_without_a_gradient() -> None:
    method = Supervised(Classifier(Backbone("resnet18", "remove", 32), 3))
    optimizer = build_optimizer(method, TABLE)
    set_hyperparameters(optimizer, TABLE, Clock(0, 1, 1), batch_size=4)
    before = {name: value.detach().clone() for name, value in method.named_parameters()}
    for parameter in method.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, value in method.named_parameters():
        factor = 0.95 if name.startswith("classifier.fc.") else 1.0  # 1 - 0.5 x 0.1
        torch.testing.assert_close(value.data, factor * before[name])


def test_layers_with_similar_names_are_not_the_classifier() -> None:
    module = nn.ModuleDict({"fc1": nn.Linear(2, 2), "fc": nn.Linear(2, 2)})
    groups = build_optimizer(module, TABLE).param_groups
    decaying = {id(p) for group in groups if group["decays"] for p in group["params"]}
    assert decaying == {id(p) for p in module["fc"].parameters()}


def test_two_choices_of_what_decays_are_refused() -> None:
    with pytest.raises(ValidationError, match="only one of decay_matrices_only and decay_class"):
        Sgd.model_validate({
            "name": "sgd", "lr": 0.1, "decay_matrices_only": True, "decay_classifier_only": True,
        })  # fmt: skip
