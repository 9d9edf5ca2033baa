"""Parameters and multiply-accumulates of a backbone, a checkpoint or an exported file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgessl.artifact.opened import ON_DEVICES, SUFFIXES, read_metadata
from edgessl.errors import UserError, nearest
from edgessl.pipeline.dense.files import is_dense
from edgessl.runtimes.formats import size_in_bytes

if TYPE_CHECKING:
    from edgessl.backbones import Backbone

RULES = ("macs", "s3l")
LAST_STAGES = ("keep", "remove")
DEFAULT_PX = 224
IMAGENET = "imagenet:"


def profile_subject(
    subject: str,
    *,
    image_px: int | None = None,
    rule: str = "macs",
    last_stage: str = "keep",
    by_part: bool = False,
    backbone: str | None = None,
    trust: bool = False,
) -> dict[str, Any]:
    """Count what a network costs.

    Args:
        subject: A backbone's name, a checkpoint, any exported file, or general weights:
            ``imagenet:BACKBONE``, which is counted as the backbone, or a file of others.
        image_px: Side of the image; None for the subject's own, 224 for a bare backbone.
        rule: ``"macs"``, or ``"s3l"`` for S3L's FLOPs as well.
        last_stage: ``"remove"`` counts a bare backbone without its last stage.
        by_part: Whether to say what each part costs; not of a file.
        backbone: What a file of others holds; None to find out.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.

    Returns:
        ``name size_px params macs``, and ``flops_s3l`` and ``parts`` where asked. Backbones and
        checkpoints are counted without classifier, a file with everything in it (``counts`` says
        which).

    Raises:
        UserError: The subject, size, rule or last stage cannot be used.
    """
    if rule not in RULES:
        raise UserError(f"--rule: must be one of {', '.join(RULES)}, got '{rule}'")
    if image_px is not None and image_px < 1:
        raise UserError(f"--size: must be at least 1 pixel, got {image_px}")
    if Path(subject).suffix.lower() in SUFFIXES:
        if by_part:
            raise UserError(
                "--parts: must be left out for an exported file, whose parts are fused; pass its "
                "checkpoint or its backbone's name"
            )
        return _profile_file(Path(subject), image_px, rule, trust=trust)
    if is_dense(Path(subject)):
        given = {"--size": image_px, "--backbone": backbone, "--parts": by_part,
                 "--rule": rule if rule != "macs" else None,
                 "--last-stage": last_stage if last_stage != "keep" else None}  # fmt: skip
        wrong = [f"{name}: must be left out for a detector or a segmenter, got {value}"
                 for name, value in given.items() if value]  # fmt: skip
        if wrong:
            raise UserError("\n".join(wrong))
        return _profile_dense(Path(subject))
    return _profile_backbone(
        subject, image_px, rule, last_stage, by_part=by_part, held=backbone
    )


def _profile_dense(path: Path) -> dict[str, Any]:
    from edgessl import checkpoint
    from edgessl.dense.tasks import task_of_checkpoint
    from edgessl.metrics import cost

    task = task_of_checkpoint(path)
    assert task is not None
    finished = task.learning.open(checkpoint.load(path), str(path))
    side = finished.square.input_px
    return {
        "name": str(path), "counts": task.word, "size_px": side,
        "params": cost.params(finished.module), "macs": cost.macs(finished.module, side),
    }


def _profile_file(
    path: Path, image_px: int | None, rule: str, *, trust: bool
) -> dict[str, Any]:
    if rule == "s3l":
        raise UserError("--rule: must be macs for a file, its batch norm is folded away, got s3l")
    params, macs, side = _file_cost(path, image_px, trust=trust)
    return {
        "name": path.name, "counts": "file", "size_px": side, "params": params, "macs": macs,
        "size_mb": size_in_bytes(path) / 1e6,
    }


def _file_cost(path: Path, image_px: int | None, *, trust: bool) -> tuple[int, int, int]:
    """Count what is in a file, by what can read it: its graph, or torch while it runs."""
    kind = SUFFIXES[path.suffix.lower()]
    if kind in ON_DEVICES:
        params, macs, side = _recorded_cost(path)
    elif kind == "onnx":
        from edgessl.export.formats.cost import graph_cost

        return graph_cost(path, image_px)
    elif kind == "ort":
        from edgessl.export.formats.cost import ort_cost

        params, macs, side = ort_cost(path)
    else:
        params, macs, side = _torch_file_cost(path, trust=trust)
    if image_px not in (None, side):
        raise UserError(f"--size: must be {side}, which {path} is made for, got {image_px}")
    return params, macs, side


def _recorded_cost(path: Path) -> tuple[int, int, int]:
    """Return what was counted at the export: nobody but its runtime can look into the file."""
    metadata = read_metadata(path)[1]
    cost = metadata.provenance.get("cost") if metadata else None
    if metadata is None or not isinstance(cost, dict):
        raise UserError(
            f"{path}: must say what it costs, as `edgessl export --target` writes it, got nothing; "
            "pass the checkpoint"
        )
    return int(cost["params"]), int(cost["macs"]), metadata.input_px


def _torch_file_cost(path: Path, *, trust: bool) -> tuple[int, int, int]:
    import numpy as np

    from edgessl.artifact import exported_program, open_artifact, torchscript
    from edgessl.metrics.cost import macs_of_run

    artifact = open_artifact(path, trust=trust)
    side = artifact.known().input_px
    image = np.zeros((1, 3, side, side), np.float32)
    module = torchscript if artifact.format == "torchscript" else exported_program
    params = module.count_params(path, trust=trust)
    return params, macs_of_run(lambda: artifact.run(image)), side


def _profile_backbone(
    subject: str, image_px: int | None, rule: str, last_stage: str, *, by_part: bool,
    held: str | None,
) -> dict[str, Any]:
    from edgessl import checkpoint
    from edgessl.backbones import BACKBONES, deployable_from
    from edgessl.metrics import cost
    from edgessl.pipeline.general import is_general
    from edgessl.recipe.backbones import TIMM
    from edgessl.start.general import open_start

    name = subject.removeprefix(IMAGENET)
    bare = name in BACKBONES or name.startswith(TIMM)
    if held is not None and (bare or not is_general(subject)):
        raise UserError(
            f"--backbone: must be left out for {subject}, which says what it is, got '{held}'"
        )
    if bare:
        backbone = _shapes_of(name, last_stage, image_px or DEFAULT_PX)
    elif Path(subject).suffix or Path(subject).exists():
        if last_stage != "keep":
            raise UserError(
                "--last-stage: must be left out for a checkpoint, which has its own, got "
                f"{last_stage}"
            )
        if is_general(subject):
            backbone = open_start(subject, held).build(image_px or DEFAULT_PX)
        else:
            backbone = deployable_from(checkpoint.load(Path(subject)), subject).backbone
        _refuse_other_size(backbone, image_px)
    else:
        raise UserError(
            f"{subject}: must be a backbone ({', '.join(BACKBONES)}, {TIMM}NAME), a checkpoint or "
            "an exported file"
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
    if by_part:
        from edgessl.metrics.cost import parts

        document["parts"] = [part.to_dict() for part in parts(backbone, side)]
    return document


def _shapes_of(name: str, last_stage: str, image_px: int) -> Backbone:
    """Build a backbone without weights: shapes are all that is counted."""
    import torch

    from edgessl.backbones import Backbone

    if last_stage not in LAST_STAGES:
        raise UserError(
            f"--last-stage: must be one of {', '.join(LAST_STAGES)}, got '{last_stage}'"
        )
    with torch.device("meta"):
        return Backbone(name, "remove" if last_stage == "remove" else "keep", image_px)


def _refuse_other_size(backbone: Backbone, image_px: int | None) -> None:
    if backbone.fixed_px and image_px not in (None, backbone.image_px):
        raise UserError(
            f"--size: must be {backbone.image_px}, which this {backbone.name} is built for, got "
            f"{image_px}"
        )
