"""The pretrained networks in the files of a run, to start another one from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import BACKBONES, Backbone, LastStage, deployable_from
from edgessl.backbones.positions import can_resample, with_positions_for
from edgessl.errors import UserError
from edgessl.recipe.backbones import TIMM
from edgessl.runs.snapshots import run_of
from edgessl.start import safetensors_file
from edgessl.start.kept_head import KeptHead
from edgessl.start.kept_stage import stage_of
from edgessl.start.origin import Origin, Triple
from edgessl.start.tensor_file import refuse_not_finite


@dataclass(frozen=True, slots=True)
class Start:
    """Pretrained weights and what they are.

    Attributes:
        path: The file.
        backbone: Name of the network.
        last_stage: Whether it has its last stage.
        image_px: Side of the images it was built for; None where the file does not say.
        supervised: Whether labels shaped the weights: they come from a classifier.
        weights: The network's tensors, in timm's keys.
        head: Hidden layers of the head it was pretrained with; None where the file has none.
        batchnorm_eps: What its BN adds to variances; None: as timm has it.
        last_stage_weights: What a last stage that is removed grows back with; empty where the file
            has none for it.
        origin: Of general weights; None for those of a run.
        mean: Per-channel mean that images were normalised with; None where it is not known.
        std: The same of the standard deviation.
        sentences: What the user is told of general weights.
    """

    path: Path
    backbone: str
    last_stage: LastStage
    image_px: int | None
    supervised: bool
    weights: dict[str, Tensor]
    head: KeptHead | None = None
    batchnorm_eps: float | None = None
    last_stage_weights: dict[str, Tensor] = field(default_factory=dict)
    origin: Origin | None = None
    mean: Triple | None = None
    std: Triple | None = None
    sentences: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For the folder of what comes of it: the run's, or the weights'."""
        if self.origin is None:
            run = run_of(self.path.absolute())
            snapshot = f"-{self.path.stem}" if run != self.path.absolute().parent else ""
            return f"{run.name}{snapshot}"
        return Path(self.origin.source).stem.replace(":", "-").replace("/", "-")

    @property
    def provenance(self) -> dict[str, Any]:
        """What every checkpoint that comes of general weights says of them, as plain values."""
        return {"weights": self.origin.to_dict()} if self.origin else {}

    @property
    def fingerprint(self) -> str:
        """SHA-1 of the weights, in hexadecimal; the file's other contents do not matter."""
        hasher = hashlib.sha1(usedforsecurity=False)
        for key in sorted(self.weights):
            value = self.weights[key].detach().cpu().contiguous()
            hasher.update(f"{key} {tuple(value.shape)} {value.dtype}\n".encode())
            hasher.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
        return hasher.hexdigest()

    def build(self, image_px: int) -> Backbone:
        """Return the network with these weights; position embeddings are resampled for its size.

        Args:
            image_px: Side of the images it will see.

        Raises:
            UserError: The weights do not fit, or are for images of another size.
        """
        backbone = Backbone(
            self.backbone, self.last_stage, image_px, batchnorm_eps=self.batchnorm_eps
        )
        other_px = self.image_px not in (None, image_px)
        if backbone.fixed_px and other_px and not can_resample(backbone.net):
            raise UserError(
                f"{self.path}: must be built for the recipe's {image_px} px, because a "
                f"{self.backbone} has position embeddings that cannot be resampled, got "
                f"{self.image_px} px; pass --set image.crop_px={self.image_px}"
            )
        try:
            weights = with_positions_for(backbone.net, self.weights)
            backbone.net.load_state_dict(weights, strict=True)
        except RuntimeError as error:
            raise UserError(
                f"{self.path}: must hold every tensor of {self.backbone} at {image_px} px, "
                "got others; pass the file that a run of edgessl wrote"
            ) from error
        return backbone


def read_start(path: Path) -> Start:
    """Read ``pretrained.pt``, ``ckpt.pt`` or ``backbone.safetensors`` of a run.

    Args:
        path: The file. Of a classifier, the backbone is taken.

    Raises:
        UserError: It is none of these.
    """
    if path.suffix == ".safetensors":
        return _from_safetensors(path)
    payload = checkpoint.load(path)
    deployable = deployable_from(payload, str(path))
    backbone, head = deployable.backbone, KeptHead.from_payload(payload)
    if head is not None:
        refuse_not_finite(head.weights, str(path))
    return Start(
        path, backbone.name, backbone.last_stage, backbone.image_px, deployable.head == "logits",
        dict(backbone.net.state_dict()), head, backbone.batchnorm_eps,
        stage_of(payload), mean=_triple(deployable.preprocess["mean"]),
        std=_triple(deployable.preprocess["std"]),
    )


def _triple(values: Sequence[float]) -> Triple:
    return values[0], values[1], values[2]


def is_of_run(path: Path) -> bool:
    """Tell whether a file is one that a run of edgessl wrote, or claims to be one.

    Args:
        path: A file.
    """
    try:
        if path.suffix == ".safetensors":
            return "backbone" in safetensors_file.read(path)[1]
        payload = checkpoint.read_tensors(path)
    except ValueError:  # it is told when it is read
        return True
    return not isinstance(payload, dict) or payload.get("format") == checkpoint.FORMAT


def _from_safetensors(path: Path) -> Start:
    checkpoint.refuse_missing(path)
    try:
        weights, metadata = safetensors_file.read(path)
    except ValueError as error:
        raise UserError(
            f"{path}: must be a safetensors file, got '{error}'; "
            "pass the backbone.safetensors of a run folder"
        ) from error
    name, last_stage = metadata.get("backbone"), metadata.get("last_stage")
    known = name in BACKBONES or str(name).startswith(TIMM)
    if not known or last_stage not in ("keep", "remove"):
        raise UserError(
            f"{path}: must say which backbone it holds, as the backbone.safetensors of a run "
            f"folder does, got '{name}'; to start a recipe from other weights, use "
            "edgessl recipe NAME --init FILE"
        )
    kept: LastStage = "keep" if last_stage == "keep" else "remove"
    refuse_not_finite(weights, str(path))
    eps = _epsilon(metadata.get("batchnorm_eps"), path)
    return Start(path, str(name), kept, None, False, weights, batchnorm_eps=eps)


def _epsilon(text: str | None, path: Path) -> float | None:
    try:
        value = float(text) if text else 1.0
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UserError(
            f"{path}: must have a batchnorm_eps above 0, got '{text}'; "
            "pass the backbone.safetensors of a run folder"
        )
    return value if text else None
