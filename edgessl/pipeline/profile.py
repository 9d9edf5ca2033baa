"""Parameters and multiply-accumulates of a backbone, a checkpoint or an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgessl.errors import UserError, nearest

RULES = ("macs", "s3l")
DEFAULT_PX = 224


def profile_subject(
    subject: str, *, image_px: int | None = None, rule: str = "macs"
) -> dict[str, Any]:
    """Count what a network costs.

    Args:
        subject: A backbone's name, a checkpoint, or an ONNX file.
        image_px: Side of the image; None for the subject's own, 224 for a bare backbone.
        rule: ``"macs"``, or ``"s3l"`` for S3L's FLOPs as well.

    Returns:
        ``name size_px params macs``, and ``flops_s3l`` where asked. Backbones and checkpoints are
        counted without classifier, a file with everything in it (``counts`` says which).

    Raises:
        UserError: The subject, size or rule cannot be used.
    """
    if rule not in RULES:
        raise UserError(f"--rule: must be one of {', '.join(RULES)}, got '{rule}'")
    if image_px is not None and image_px < 1:
        raise UserError(f"--size: must be at least 1 pixel, got {image_px}")
    if subject.lower().endswith(".onnx"):
        return _profile_file(Path(subject), image_px, rule)
    return _profile_backbone(subject, image_px, rule)


def _profile_file(path: Path, image_px: int | None, rule: str) -> dict[str, Any]:
    from edgessl.export.graph_cost import graph_cost

    if rule == "s3l":
        raise UserError("--rule: must be macs for a file, its batch norm is folded away, got s3l")
    params, macs, side = graph_cost(path, image_px)
    return {
        "name": path.name, "counts": "file", "size_px": side, "params": params, "macs": macs,
        "size_mb": path.stat().st_size / 1e6,
    }


def _profile_backbone(subject: str, image_px: int | None, rule: str) -> dict[str, Any]:
    from edgessl import checkpoint
    from edgessl.backbones import BACKBONES, Backbone, deployable_from
    from edgessl.metrics import cost

    if subject in BACKBONES:
        backbone = Backbone(subject, image_px=image_px or DEFAULT_PX)
    elif Path(subject).suffix or Path(subject).exists():
        backbone = deployable_from(checkpoint.load(Path(subject)), subject).backbone
        _refuse_other_size(backbone.name, backbone.image_px, image_px)
    else:
        raise UserError(
            f"{subject}: must be a backbone ({', '.join(BACKBONES)}), a checkpoint or an ONNX file"
            f"{nearest(subject, BACKBONES)}"
        )
    side = image_px or backbone.image_px
    document = {
        "name": subject, "counts": "backbone", "backbone": backbone.name,
        "last_stage": backbone.last_stage, "feature_dim": backbone.feature_dim, "size_px": side,
        "params": cost.params(backbone), "macs": cost.macs(backbone, side),
    }
    if rule == "s3l":
        document["flops_s3l"] = cost.flops_s3l(backbone, side, backbone.feature_dim)
    return document


def _refuse_other_size(name: str, own_px: int, image_px: int | None) -> None:
    from edgessl.backbones import BACKBONES

    if BACKBONES[name].fixed_px and image_px not in (None, own_px):
        raise UserError(f"--size: must be {own_px}, which this {name} is built for, got {image_px}")
