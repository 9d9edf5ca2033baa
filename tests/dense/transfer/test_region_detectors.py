"""Detectors on our backbones are torchvision's: the same weights give the same boxes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from edgessl.backbones import Backbone
from edgessl.dense.transfer.method import RegionTraining
from edgessl.dense.transfer.precise import measure_batchnorm
from edgessl.dense.transfer.rcnn import build_rcnn
from edgessl.errors import UserError
from edgessl.methods.method import Step
from edgessl.recipe.transfer_table import MultiScaleTable, RcnnTable
from edgessl.schedules import Clock

IMAGE = MultiScaleTable(train_px=(64, 96), test_px=96, max_px=160)
ANCHORS = ((16,), (32,), (64,), (128,), (256,))
FPN = RcnnTable(name="faster_rcnn", maps="fpn", anchor_px=ANCHORS, min_score=0.0,
                proposals_after=(50, 50), max_boxes=12)  # fmt: skip
C4 = RcnnTable(name="faster_rcnn", maps="c4", anchor_px=((16, 32, 64),), min_score=0.0,
               proposals_after=(50, 50), max_boxes=12)  # fmt: skip
CLASSES = 3


def _images() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(3, 96, 128, generator=generator), torch.rand(3, 90, 64, generator=generator)]


def _stirred(module: nn.Module) -> nn.Module:
    """Draw all weights, statistics too, so that no layer is without effect."""
    generator = torch.Generator().manual_seed(1)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator)
            spread = noise.abs() + 0.5 if name.endswith("running_var") else noise * 0.05
            tensor.copy_(spread)
    return module.eval()


def _same(ours: nn.Module, theirs: nn.Module, renamed: dict[str, str]) -> None:
    """Load their weights into ours, with nothing missing, and compare what they find."""
    weights: dict[str, Tensor] = {}
    for key, value in theirs.state_dict().items():
        for old, new in renamed.items():
            if key.startswith(old):
                key = new + key.removeprefix(old)
                break
        weights[key] = value
    ours.load_state_dict(weights, strict=True)
    with torch.no_grad():
        found, wanted = ours.eval()(_images()), theirs(_images())
    assert sum(len(one["boxes"]) for one in wanted) > 20
    for one, other in zip(found, wanted, strict=True):
        assert one.keys() == other.keys()
        for key in other:
            torch.testing.assert_close(one[key], other[key], rtol=1e-4, atol=1e-4)


def _anchors(sides: tuple[tuple[int, ...], ...]) -> AnchorGenerator:
    return AnchorGenerator(sides, ((0.5, 1.0, 2.0),) * len(sides))


KNOBS: dict[str, Any] = {
    "min_size": 96, "max_size": 160, "box_score_thresh": 0.0,
    "rpn_post_nms_top_n_test": 50, "rpn_anchor_generator": None, "box_detections_per_img": 12,
}  # fmt: skip


@pytest.mark.parametrize("build", [FasterRCNN, MaskRCNN])
def test_pyramids_are_those_of_torchvision(build: type[FasterRCNN]) -> None:
    body = resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, norm_layer=nn.BatchNorm2d, trainable_layers=5
    )
    theirs = _stirred(build(body, CLASSES + 1, **{**KNOBS, "rpn_anchor_generator":
                                                  _anchors(ANCHORS)}))  # fmt: skip
    name = "mask_rcnn" if build is MaskRCNN else "faster_rcnn"
    ours = build_rcnn(Backbone("resnet18"), CLASSES, FPN.model_copy(update={"name": name}), IMAGE)
    _same(ours, theirs, {"backbone.body.": "backbone.body.net."})


def test_pyramids_with_batchnorm_and_convolutions_are_those_of_its_second_version() -> None:
    body = resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, norm_layer=nn.BatchNorm2d, trainable_layers=5
    )
    body.fpn = type(body.fpn)([64, 128, 256, 512], 256, body.fpn.extra_blocks, nn.BatchNorm2d)
    head = FastRCNNConvFCHead((256, 7, 7), [256] * 4, [1024], norm_layer=nn.BatchNorm2d)
    theirs = _stirred(FasterRCNN(
        body, CLASSES + 1, box_head=head, **{**KNOBS, "rpn_anchor_generator": _anchors(ANCHORS)}
    ))  # fmt: skip
    table = FPN.model_copy(
        update={"neck_batchnorm": True, "box_head": "4conv1fc", "head_batchnorm": True}
    )
    ours = build_rcnn(Backbone("resnet18"), CLASSES, table, IMAGE)
    _same(ours, theirs, {"backbone.body.": "backbone.body.net."})


class _UpToLayer3(nn.Module):
    out_channels = 256

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*list(net.children())[:7])

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.layers(images)
        return result


class _LastStage(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.stage, self.norm = net.layer4, nn.BatchNorm2d(512)

    def forward(self, regions: Tensor) -> Tensor:
        result: Tensor = self.norm(self.stage(regions)).mean(dim=(2, 3))
        return result


def test_c4_is_a_network_of_torchvision_cut_before_its_last_stage() -> None:
    net = resnet18()
    names = list(dict(net.named_children()))
    theirs = _stirred(FasterRCNN(
        _UpToLayer3(net), box_head=_LastStage(net),
        box_predictor=FastRCNNPredictor(512, CLASSES + 1),
        box_roi_pool=MultiScaleRoIAlign(["0"], output_size=14, sampling_ratio=0),
        **{**KNOBS, "rpn_anchor_generator": _anchors(((16, 32, 64),))},
    ))  # fmt: skip
    ours = build_rcnn(
        Backbone("resnet18"), CLASSES, C4.model_copy(update={"neck_batchnorm": True}), IMAGE
    )
    renamed = {f"backbone.layers.{i}.": f"backbone.body.net.{names[i]}." for i in range(7)}
    _same(ours, theirs, renamed)


def test_masks_of_c4_come_from_the_same_stage_which_is_saved_once() -> None:
    detector = build_rcnn(
        Backbone("resnet18"), CLASSES, C4.model_copy(update={"name": "mask_rcnn"}), IMAGE
    )
    assert not [key for key in detector.state_dict() if key.startswith("roi_heads.mask_head")]
    with torch.no_grad():
        told = detector.eval()(_images())
    assert told[0]["masks"].shape[1:] == (1, 96, 128)


FAST = ("mobilenetv2", "vit-ti16")
FAMILIES = {
    "mobilenetv2": (8, 16, 32), "mobilenetv3s": (8, 16, 32), "mobilenetv4-conv-small": (8, 16, 32),
    "efficientnet-lite0": (8, 16, 32), "resnet34": (4, 8, 16, 32), "vit-ti16": (8, 16, 32),
    "vit-ti32": (16, 32, 64), "deit-ti": (8, 16, 32),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [one if one in FAST else pytest.param(one, marks=pytest.mark.slow) for one in FAMILIES],
)
def test_every_family_of_backbones_learns_under_a_pyramid(name: str) -> None:
    strides = FAMILIES[name]
    table = FPN.model_copy(update={
        "strides": strides, "width": 16, "anchor_px": ANCHORS[: len(strides) + 1],
    })  # fmt: skip
    detector = build_rcnn(Backbone(name), CLASSES, table, IMAGE)
    boxes = torch.tensor([[10.0, 10.0, 60.0, 50.0]])
    losses = detector(_images(), [{"boxes": boxes, "labels": torch.tensor([2])}] * 2)
    torch.stack(list(losses.values())).sum().backward()
    without = {key for key, value in detector.named_parameters() if value.grad is None}
    assert not {key for key in without if value_matters(key)}


def value_matters(key: str) -> bool:
    """Tell whether a weight has a part in the maps; that of a frozen patch projection has none."""
    return "patch_embed" not in key and "cls_token" not in key


def _training(*, frozen: bool) -> RegionTraining:
    table = C4.model_copy(update={"neck_batchnorm": True})
    detector = build_rcnn(Backbone("resnet18"), CLASSES, table, IMAGE)
    return RegionTraining(detector, IMAGE.train_px, frozen_batchnorm=frozen).train()


def test_frozen_batchnorm_stays_in_backbone_and_last_stage() -> None:
    method = _training(frozen=True)
    norms = {name: one for name, one in method.named_modules() if isinstance(one, nn.BatchNorm2d)}
    moving = {name for name, one in norms.items() if one.training}
    assert len(norms) == 21
    assert moving == {"detector.roi_heads.box_head.norm"}  # new, and not of the backbone
    assert {name.rpartition(".")[0] for name, one in method.named_parameters()
            if not one.requires_grad} == {*norms} - moving  # fmt: skip


def test_synchronised_batchnorm_moves_everywhere() -> None:
    method = _training(frozen=False)
    assert all(one.training for one in method.modules() if isinstance(one, nn.BatchNorm2d))


def test_precise_statistics_are_plain_means_over_steps() -> None:
    """A layer ends with the mean of its batches' means, not with the momentum's."""
    layer = nn.BatchNorm2d(2)
    method = _Through(layer)
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(4, 2, 3, 3, generator=generator) + step for step in range(5)]
    measure_batchnorm(method, method, [([one], 0) for one in batches], Clock(0, 5, 1))
    wanted = torch.stack([one.mean(dim=(0, 2, 3)) for one in batches]).mean(dim=0)
    torch.testing.assert_close(layer.running_mean, wanted)
    assert layer.momentum == 0.1


class _Through(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.backbone = layer, Backbone("resnet18")

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        return Step(self.layer(views[0]).sum(), {})

    def after_step(self, clock: Clock) -> None:
        """Do nothing."""


def test_sslights_mobilenet_reads_the_wide_end() -> None:
    """96 channels at stride 16, 1280 at stride 32: torchvision's layout for MobileNets."""
    table = FPN.model_copy(update={
        "strides": (16, 32), "wide_end": True,
        "anchor_px": ((32, 64, 128), (64, 128, 256), (128, 256, 512)),
    })  # fmt: skip
    detector = build_rcnn(Backbone("mobilenetv2"), CLASSES, table, IMAGE)
    inner = [block[0].in_channels for block in detector.backbone.fpn.inner_blocks]
    assert inner == [96, 1280]
    assert detector.rpn.head.cls_logits.out_channels == 9
    maps = detector.backbone(torch.zeros(1, 3, 64, 64))
    assert [tuple(one.shape[2:]) for one in maps.values()] == [(4, 4), (2, 2), (1, 1)]


@pytest.mark.parametrize(
    ("name", "table", "told"),
    [
        ("mobilenetv2", C4, "detector.maps: must be 'fpn' for mobilenetv2, got 'c4'"),
        ("vit-ti16", FPN, r"detector.strides: must be of vit-ti16's maps \(8, 16, 32\)"),
        ("resnet18", FPN.model_copy(update={"wide_end": True}), "detector.wide_end: must be false"),
    ],
)
def test_a_backbone_without_such_maps_is_refused(name: str, table: RcnnTable, told: str) -> None:
    with pytest.raises(UserError, match=told):
        build_rcnn(Backbone(name), CLASSES, table, IMAGE)


