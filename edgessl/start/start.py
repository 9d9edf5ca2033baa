"""The pretrained backbone that fine-tuning starts from, wherever a run left it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import BACKBONES, Backbone, LastStage, deployable_from
from edgessl.backbones.positions import can_resample, with_positions_for
from edgessl.errors import UserError
from edgessl.recipe.backbones import TIMM
from edgessl.start.kept_head import KeptHead


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
    """

    path: Path
    backbone: str
    last_stage: LastStage
    image_px: int | None
    supervised: bool
    weights: dict[str, Tensor]
    head: KeptHead | None = None
    batchnorm_eps: float | None = None

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
    backbone = deployable.backbone
    return Start(
        path, backbone.name, backbone.last_stage, backbone.image_px, deployable.head == "logits",
        dict(backbone.net.state_dict()), KeptHead.from_payload(payload), backbone.batchnorm_eps,
    )


def _from_safetensors(path: Path) -> Start:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"{path}: must be a checkpoint file, found none; check the path")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}
    except SafetensorError as error:
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
    eps = metadata.get("batchnorm_eps")
    return Start(
        path, str(name), kept, None, False, weights, batchnorm_eps=float(eps) if eps else None
    )
