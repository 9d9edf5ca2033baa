"""`edgessl profile` counts what the papers count: parameters, MACs and S3L's FLOPs.

Golden numbers: parameters by arithmetic from the papers' code; MACs of convolutions by the same;
S3L's FLOPs from its printed tables (arXiv:2103.13559), which they match to the last printed digit.
"""

from __future__ import annotations

import json

import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

from edgessl.backbones import Backbone
from edgessl.backbones.backbone import LastStage
from edgessl.cli.profile import profile
from edgessl.errors import UserError
from edgessl.metrics import cost
from edgessl.pipeline.profile import profile_subject


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("mobilenetv2", 2_223_872, 299_494_272),
        ("resnet18", 11_176_512, 1_813_561_344),
        ("vit-ti16", 5_524_416, 1_253_491_200),  # attention counted; 1.2535 G in the paper's terms
    ],
)
def test_parameters_and_macs_at_224_px(name: str, params: int, macs: int) -> None:
    found = profile_subject(name)
    assert (found["params"], found["macs"], found["size_px"]) == (params, macs, 224)


@pytest.mark.parametrize(
    ("image_px", "last_stage", "macs", "flops"),
    [
        (224, "keep", 1_813_561_344, 1_824_545_280),
        (112, "keep", 484_847_616, 488_401_920),
        (56, "keep", 129_076_224, 130_752_000),
        (224, "remove", 1_402_519_552, 1_412_514_816),
        (112, "remove", 350_629_888, 353_512_704),
        (56, "remove", 95_521_792, 96_646_656),
    ],
)
def test_resnet18_costs_what_s3l_prints(
    image_px: int, last_stage: LastStage, macs: int, flops: int
) -> None:
    backbone = Backbone("resnet18", last_stage, image_px)
    assert cost.macs(backbone, image_px) == macs
    assert cost.flops_s3l(backbone, image_px, backbone.feature_dim) == flops


def test_removing_the_last_stage_of_resnet18_leaves_2_782_784_parameters() -> None:
    assert cost.params(Backbone("resnet18", "remove")) == 2_782_784


@pytest.mark.parametrize(("image_px", "giga"), [(128, 0.0978), (96, 0.0550)])
def test_mobilenetv2_at_smaller_sizes(image_px: int, giga: float) -> None:
    assert profile_subject("mobilenetv2", image_px=image_px)["macs"] / 1e9 == pytest.approx(
        giga, abs=5e-5
    )


def test_counting_leaves_modes_and_statistics_alone() -> None:
    backbone = Backbone("mobilenetv2", "keep", 32).train()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    cost.macs(backbone, 32)
    cost.flops_s3l(backbone, 32, backbone.feature_dim)
    assert all(module.training for module in backbone.modules())
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())


def test_a_linear_layer_costs_in_times_out() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 7))
    assert cost.macs(network, 4) == 48 * 7


def test_the_command_prints_one_json_document() -> None:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(profile)
    arguments = ["resnet18", "--size", "56", "--rule", "s3l", "--json"]
    result = CliRunner().invoke(app, arguments)
    found = json.loads(result.stdout)
    assert found["macs"] == 129_076_224
    assert found["flops_s3l"] == 130_752_000


@pytest.mark.parametrize(
    ("subject", "options", "message"),
    [
        ("mobilnetv2", {}, "did you mean mobilenetv2"),
        ("gone.onnx", {}, "gone.onnx: must be an ONNX file, found none"),
        ("gone.pt", {}, "gone.pt: must be a checkpoint file, found none"),
        ("vit-ti16", {"rule": "s3l"}, "--rule: must be macs for this backbone"),
        ("resnet18", {"rule": "fvcore"}, "--rule: must be one of macs, s3l, got 'fvcore'"),
        ("resnet18", {"image_px": 0}, "--size: must be at least 1 pixel, got 0"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    subject: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        profile_subject(subject, **options)  # type: ignore[arg-type]
