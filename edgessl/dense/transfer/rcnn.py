"""Faster R-CNN and Mask R-CNN on our backbones, of torchvision's parts."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import (
    FastRCNNConvFCHead,
    FastRCNNPredictor,
    TwoMLPHead,
)
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from edgessl.backbones import Backbone
from edgessl.dense.transfer.body import C4, Pyramid
from edgessl.dense.transfer.regions import SharedStage, StageHead
from edgessl.recipe.transfer_table import MultiScaleTable, RcnnTable

_RATIOS = (0.5, 1.0, 2.0)
_HIDDEN = 1024
_MASK_WIDTH = 256
_C4_STRIDE, _DIVISIBLE = 16, 32


def build_rcnn(
    backbone: Backbone, classes: int, table: RcnnTable, image: MultiScaleTable
) -> GeneralizedRCNN:
    """Build a detector.

    Args:
        backbone: With the weights it starts from; it becomes part of the detector.
        classes: ``K``, without background.
        table: What the detector is like.
        image: How images are fed.

    Returns:
        In training mode images and targets to losses; in evaluation mode images ``(3, H, W)`` in
        [0, 1] to boxes in pixels, labels from 1, scores and, of a Mask R-CNN, masks.

    Raises:
        UserError: The backbone has not the maps that the table asks for.

    Source:
        Ren et al. 2015, arXiv:1506.01497; He et al. 2017, arXiv:1703.06870. torchvision's regions
        are aligned without the half pixel, and boxes learned by a smooth L1, unlike detectron2's.
    """
    body, parts = (_c4 if table.maps == "c4" else _pyramid)(backbone, classes, table)
    stride = _C4_STRIDE if table.maps == "c4" else max(table.strides)
    build = MaskRCNN if table.name == "mask_rcnn" else FasterRCNN
    return build(
        body, min_size=image.test_px, max_size=image.max_px,
        image_mean=list(image.mean), image_std=list(image.std),
        size_divisible=max(_DIVISIBLE, stride),
        rpn_anchor_generator=AnchorGenerator(table.anchor_px, (_RATIOS,) * len(table.anchor_px)),
        rpn_pre_nms_top_n_train=table.proposals_before[0],
        rpn_pre_nms_top_n_test=table.proposals_before[1],
        rpn_post_nms_top_n_train=table.proposals_after[0],
        rpn_post_nms_top_n_test=table.proposals_after[1],
        box_score_thresh=table.min_score, box_nms_thresh=table.nms_iou,
        box_detections_per_img=table.max_boxes, **parts,
    )  # fmt: skip


Parts = tuple[nn.Module, dict[str, Any]]


def _c4(backbone: Backbone, classes: int, table: RcnnTable) -> Parts:
    body = C4(backbone)
    head = StageHead(body.last_stage[0], body.last_channels, batchnorm=table.neck_batchnorm)
    pool = MultiScaleRoIAlign(["0"], output_size=14, sampling_ratio=0)
    parts: dict[str, Any] = {
        "box_roi_pool": pool, "box_head": head,
        "box_predictor": FastRCNNPredictor(body.last_channels, classes + 1),
    }  # fmt: skip
    if table.name == "mask_rcnn":
        parts |= {
            "mask_roi_pool": pool, "mask_head": SharedStage(head),
            "mask_predictor": MaskRCNNPredictor(body.last_channels, _MASK_WIDTH, classes + 1),
        }  # fmt: skip
    return body, parts


def _pyramid(backbone: Backbone, classes: int, table: RcnnTable) -> Parts:
    body = Pyramid(
        backbone, table.strides, table.width, wide_end=table.wide_end,
        norm=nn.BatchNorm2d if table.neck_batchnorm else None,
    )  # fmt: skip
    names, width = [str(i) for i in range(len(table.strides))], table.width
    norm = nn.BatchNorm2d if table.head_batchnorm else None
    head: nn.Module
    if table.box_head == "2fc":
        head = TwoMLPHead(width * 7 * 7, _HIDDEN)
    else:
        head = FastRCNNConvFCHead((width, 7, 7), [width] * 4, [_HIDDEN], norm_layer=norm)
    parts: dict[str, Any] = {
        "box_roi_pool": MultiScaleRoIAlign(names, output_size=7, sampling_ratio=2),
        "box_head": head, "box_predictor": FastRCNNPredictor(_HIDDEN, classes + 1),
    }  # fmt: skip
    if table.name == "mask_rcnn":
        parts |= {
            "mask_roi_pool": MultiScaleRoIAlign(names, output_size=14, sampling_ratio=2),
            "mask_head": MaskRCNNHeads(width, [_MASK_WIDTH] * 4, 1, norm_layer=norm),
            "mask_predictor": MaskRCNNPredictor(_MASK_WIDTH, _MASK_WIDTH, classes + 1),
        }  # fmt: skip
    return body, parts
