"""Stages of a network learn at rates that fall towards the stem; the head may warm up alone."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from edgessl.backbones import Backbone, Classifier
from edgessl.methods.classification import Supervised
from edgessl.optim import build_optimizer, layer_scales, set_hyperparameters
from edgessl.recipe.optim_tables import AdamW, Lars, Optim, Sgd
from edgessl.schedules import Clock

TABLES: tuple[Optim, ...] = (
    Sgd(name="sgd", lr=1.0, lr_batch=0, decay_matrices_only=True),
    AdamW(name="adamw", lr=1.0, lr_batch=0),
    Lars(name="lars", lr=1.0, lr_batch=0),
)


def test_a_resnet_has_five_rates() -> None:
    net = timm.create_model("resnet18", num_classes=0)
    scales = layer_scales(net, 0.5)
    assert scales.keys() == dict(net.named_parameters()).keys()
    firsts = {name.split(".")[0]: scale for name, scale in scales.items()}
    assert firsts == {"conv1": 1 / 16, "bn1": 1 / 16, "layer1": 1 / 8, "layer2": 1 / 4,
                      "layer3": 1 / 2, "layer4": 1.0}  # fmt: skip


NAMES = ("mobilenetv2_100", "mobilenetv4_conv_small", "vit_tiny_patch16_224")


@pytest.mark.parametrize("name", NAMES)
def test_rates_never_fall_towards_the_output(name: str) -> None:
    net = timm.create_model(name, num_classes=0)
    scales = layer_scales(net, 0.9)
    blocks = [scale for key, scale in scales.items() if key.startswith("blocks.")]
    assert blocks == sorted(blocks)
    assert min(scales.values()) < blocks[0]
    assert max(scales.values()) == 1.0


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_parameter_has_its_share_of_the_rate_and_its_decay_as_before(table: Optim) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    plain = build_optimizer(module, table)
    scaled = build_optimizer(module, table, {"0.weight": 0.25, "0.bias": 0.25})
    for optimizer in (plain, scaled):
        set_hyperparameters(optimizer, table, Clock(0, 10, 1), 4)
    rates = {id(p): group["lr"] for group in scaled.param_groups for p in group["params"]}
    assert [rates[id(p)] for p in module.parameters()] == [0.25, 0.25, 1.0, 1.0]
    decays = [{id(p): group["decays"] for group in one.param_groups for p in group["params"]}
              for one in (plain, scaled)]  # fmt: skip
    assert decays[0] == decays[1]


def test_while_the_head_warms_up_the_backbone_stays_with_its_statistics() -> None:
    classifier = Classifier(Backbone("timm:test_efficientnet", image_px=32), 2)
    method = Supervised(classifier, head_warmup=lambda clock: 2).train()
    views, labels = [torch.randn(1, 4, 3, 32, 32)], torch.tensor([0, 1, 0, 1])
    before = {key: value.clone() for key, value in classifier.backbone.state_dict().items()}
    still = method(views, labels, Clock(1, 5, 1)).frozen
    assert {id(p) for p in still} == {id(p) for p in classifier.backbone.parameters()}
    after = classifier.backbone.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert method(views, labels, Clock(2, 5, 1)).frozen == ()
    assert classifier.backbone.training
    assert not torch.equal(after["net.bn1.running_mean"], before["net.bn1.running_mean"])
