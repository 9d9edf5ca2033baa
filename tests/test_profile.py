"""`edgessl profile` counts what the papers count: parameters, MACs and S3L's FLOPs.

Golden numbers: parameters by arithmetic from the papers' code; MACs of convolutions by the same;
S3L's FLOPs from its printed tables (arXiv:2103.13559), which they match to the last printed digit.
Nothing is computed but shapes.
"""

from __future__ import annotations

import json

import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

from edgessl.backbones import BACKBONES, Backbone, LastStage
from edgessl.backbones.last_stage import has_last_stage
from edgessl.cli.profile import profile
from edgessl.errors import UserError
from edgessl.metrics import cost
from edgessl.pipeline.profile import profile_subject


def shapes(name: str, last_stage: LastStage = "keep", image_px: int = 224) -> Backbone:
    """Build a backbone without weights."""
    with torch.device("meta"):
        return Backbone(name, last_stage, image_px)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_facts_that_are_listed_are_those_of_the_network(name: str) -> None:
    found, facts = profile_subject(name), BACKBONES[name]
    assert (found["params"], found["macs"]) == (facts.params, facts.macs)
    assert (found["feature_dim"], found["size_px"]) == (facts.feature_dim, 224)
    assert has_last_stage(shapes(name).net) == facts.removable


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("mobilenetv2", 2_223_872),
        ("resnet18", 11_176_512),
        ("resnet34", 21_284_672),
        ("resnet50", 23_508_032),
        ("resnet101", 42_500_160),
        ("vit-ti16", 5_524_416),
        ("vit-ti32", 5_938_560),
        ("vit-s16", 21_665_664),
        ("mobilenetv3l", 4_202_032),
        ("mobilenetv3s", 1_517_856),
        ("efficientnet-b0", 4_007_548),
        ("deit-ti", 7_286_976),  # heads of 64, as ssl-small's code
        ("deit-ti-paper", 5_517_504),  # heads of 32, the only way to the paper's 5 M
    ],
)
def test_parameters_of_the_papers(name: str, params: int) -> None:
    assert BACKBONES[name].params == params


@pytest.mark.parametrize(
    ("name", "giga"),
    [
        ("mobilenetv2", 0.29949),
        ("vit-ti16", 1.2535),  # attention counted
        ("vit-ti32", 0.3058),
        ("vit-s16", 4.5985),
        ("mobilenetv3l", 0.2153),
        ("mobilenetv3s", 0.0555),
        ("efficientnet-b0", 0.3845),
        ("resnet34", 3.66325),
        ("resnet101", 7.79936),
    ],
)
def test_macs_at_224_px(name: str, giga: float) -> None:
    assert BACKBONES[name].macs / 1e9 == pytest.approx(giga, abs=5e-5)


@pytest.mark.parametrize(
    ("name", "image_px", "last_stage", "macs", "flops"),
    [
        ("resnet18", 224, "keep", 1_813_561_344, 1_824_545_280),
        ("resnet18", 112, "keep", 484_847_616, 488_401_920),
        ("resnet18", 56, "keep", 129_076_224, 130_752_000),
        ("resnet18", 224, "remove", 1_402_519_552, 1_412_514_816),
        ("resnet18", 112, "remove", 350_629_888, 353_512_704),
        ("resnet18", 56, "remove", 95_521_792, 96_646_656),
        ("resnet50", 224, "keep", 4_087_136_256, 4_135_788_544),
        ("resnet50", 112, "keep", 1_075_851_264, 1_091_255_296),
        ("resnet50", 56, "keep", 296_979_456, 304_059_904),
        ("resnet50", 224, "remove", 3_277_897_728, 3_322_093_568),  # printed with a digit wrong
        ("resnet50", 112, "remove", 819_474_432, 832_059_392),
        ("resnet50", 56, "remove", 230_919_168, 235_755_008),
    ],
)
def test_resnets_cost_what_s3l_prints(
    name: str, image_px: int, last_stage: LastStage, macs: int, flops: int
) -> None:
    backbone = shapes(name, last_stage, image_px)
    assert cost.macs(backbone, image_px) == macs
    assert cost.flops_s3l(backbone, image_px, backbone.feature_dim) == flops


@pytest.mark.parametrize(
    ("name", "params", "feature_dim"),
    [("resnet18", 2_782_784, 256), ("resnet50", 8_543_296, 1024), ("mobilenetv2", 542_528, 96)],
)
def test_what_removing_the_last_stage_leaves(name: str, params: int, feature_dim: int) -> None:
    backbone = shapes(name, "remove")
    assert (cost.params(backbone), backbone.feature_dim) == (params, feature_dim)


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
    arguments = ["resnet18", "--size", "56", "--rule", "s3l", "--last-stage", "remove", "--json"]
    result = CliRunner().invoke(app, arguments)
    found = json.loads(result.stdout)
    assert (found["last_stage"], found["feature_dim"]) == ("remove", 256)
    assert found["macs"] == 95_521_792
    assert found["flops_s3l"] == 96_646_656


def test_any_network_of_timm_is_counted() -> None:
    found = profile_subject("timm:resnet10t", image_px=64, last_stage="remove", rule="s3l")
    assert (found["backbone"], found["feature_dim"]) == ("timm:resnet10t", 256)
    assert found["flops_s3l"] > found["macs"] > 0


@pytest.mark.parametrize(
    ("subject", "options", "message"),
    [
        ("mobilnetv2", {}, "did you mean mobilenetv2"),
        ("gone.onnx", {}, "gone.onnx: must be an ONNX file, found none"),
        ("gone.pt", {}, "gone.pt: must be a checkpoint file, found none"),
        ("vit-ti16", {"rule": "s3l"}, "--rule: must be macs for this backbone"),
        ("vit-ti16", {"last_stage": "remove"}, "must be 'keep' for vit-ti16, got 'remove'"),
        ("vit-ti16", {"image_px": 100}, "must be a multiple of 16 px"),
        ("resnet18", {"last_stage": "cut"}, "--last-stage: must be one of keep, remove, got 'cut'"),
        ("gone.pt", {"last_stage": "remove"}, "--last-stage: must be left out for a checkpoint"),
        ("timm:resnet81", {}, "an architecture of timm, got 'timm:resnet81'; did you mean resnet"),
        ("resnet18", {"rule": "fvcore"}, "--rule: must be one of macs, s3l, got 'fvcore'"),
        ("resnet18", {"image_px": 0}, "--size: must be at least 1 pixel, got 0"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    subject: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        profile_subject(subject, **options)  # type: ignore[arg-type]


def test_parts_are_told_as_a_table_and_as_json() -> None:
    app = typer.Typer()
    app.command()(profile)
    told = CliRunner().invoke(app, ["mobilenetv3s", "--size", "32", "--parts"])
    assert told.exit_code == 0
    assert "blocks.4" in told.output
    document = json.loads(
        CliRunner().invoke(app, ["mobilenetv3s", "--size", "32", "--parts", "--json"]).output
    )
    assert sum(part["macs"] for part in document["parts"]) == document["macs"]


def test_a_file_has_no_parts() -> None:
    with pytest.raises(UserError, match=r"--parts: must be left out for an exported file.*pass"):
        profile_subject("model.onnx", by_part=True)
