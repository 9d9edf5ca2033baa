"""The weights that a run starts from, wherever they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import BACKBONES, Backbone, LastStage, deployable_from
from edgessl.backbones.build_net import build_net
from edgessl.backbones.last_stage import last_stage_keys
from edgessl.backbones.positions import can_resample, with_positions_for
from edgessl.errors import EdgesslError, UserError
from edgessl.recipe.backbones import TIMM
from edgessl.start import safetensors_file
from edgessl.start.kept_head import KeptHead

_OWNERS = ("module", "backbone", "net", "encoder_q")
"""What papers call the network that is trained; MoCo's code has ``module.encoder_q``. AIRL's BYOL
has names with ``online``."""
_FOLLOWERS = ("encoder_k", "queue", "queue_ptr")
"""What belongs to the network that follows it; AIRL's BYOL has names with ``target``."""
_SHOWN = 3  # keys in a message


def refuse_source(source: str) -> None:
    """Refuse a file of weights that is not there or cannot be read, before any work.

    Args:
        source: What ``--init`` says.

    Raises:
        UserError: It is a file, and holds no weights.
    """
    if source != "none" and not source.startswith(TIMM):
        read_weights(Path(source), "--init")


def initialise(backbone: Backbone, source: str) -> str:
    """Load given weights into a backbone.

    Args:
        backbone: Changed in place.
        source: ``none``, ``timm:NAME``, or a file: a checkpoint of edgessl, or a ``.safetensors``
            or torch file in timm's key layout.

    Returns:
        A sentence that says how much was loaded; empty for ``none``.

    Raises:
        UserError: The file is none of these, or fits less than half of the backbone.
        EdgesslError: The weights of timm cannot be downloaded.
    """
    if source == "none":
        return ""
    weights = (
        _from_timm(source) if source.startswith(TIMM) else read_weights(Path(source), "--init")
    )
    weights = with_positions_for(backbone.net, weights)
    own = backbone.net.state_dict()
    fits = {key: value for key, value in weights.items()
            if key in own and own[key].shape == value.shape}
    if len(fits) * 2 < len(own):
        raise UserError(
            f"--init {source}: must fit {backbone.name}, but only {len(fits)} of {len(own)} "
            f"tensors do{unlike(weights, own)}; pass weights of the same backbone"
        )
    backbone.net.load_state_dict(fits, strict=False)
    told = f"Starting from {source}: {len(fits)} of {len(own)} tensors loaded."
    unused = len(_last_stage_in(weights, backbone))
    if unused:
        told += (
            f" {unused} tensors of the last stage are not used: the recipe removes it for "
            "pretraining, and it grows back with new weights for fine-tuning."
        )
    return told


def _last_stage_in(weights: Iterable[str], backbone: Backbone) -> frozenset[str]:
    """Return the keys of weights that belong to the last stage that a backbone is without."""
    if backbone.last_stage == "keep":
        return frozenset()
    with torch.device("meta"), torch.random.fork_rng(devices=[]):  # draw nothing of the run's
        whole = build_net(backbone.name, backbone.image_px, dropout=0.0, drop_path=0.0)
    return last_stage_keys(whole).intersection(weights)


def _from_timm(source: str) -> dict[str, Tensor]:
    import timm

    name = source.removeprefix(TIMM)
    try:
        return dict(timm.create_model(name, pretrained=True, num_classes=0).state_dict())
    except RuntimeError as error:
        if "Unknown model" in str(error) or "No pretrained weights" in str(error):
            raise UserError(f"--init {source}: must name a pretrained network of timm") from error
        raise EdgesslError(f"--init {source}: cannot be downloaded; pass a file instead") from error
    except (OSError, ValueError) as error:
        raise EdgesslError(
            f"--init {source}: cannot be downloaded ({type(error).__name__}); pass a file instead"
        ) from error


def read_weights(path: Path, option: str) -> dict[str, Tensor]:
    """Read weights from a checkpoint of edgessl, or a file in timm's key layout.

    Args:
        path: A ``.safetensors`` or torch file.
        option: What the user passed it to, for messages.

    Returns:
        Tensors by timm's keys, and whatever else the file holds by other keys.

    Raises:
        UserError: It is none of these, it is damaged, or a weight is not finite.
    """
    if not path.is_file():
        known = "'none', 'timm:NAME' or a file" if option == "--init" else "a file"
        raise UserError(f"{option} {path}: must be {known}, found none")
    if path.suffix == ".safetensors":
        try:
            payload, _ = safetensors_file.read(path)
        except ValueError as error:
            raise UserError(f"{option} {path}: must be a safetensors file, got {error}") from error
        return _finite(_in_timms_layout(payload), f"{option} {path}")
    return _finite(_in_timms_layout(_read_torch_file(path, option)), f"{option} {path}")


def _read_torch_file(path: Path, option: str) -> dict[str, Any]:
    """Return the dict of tensors in a file of torch, wherever in it that is."""
    try:
        payload = checkpoint.read_tensors(path)
    except checkpoint.Damaged as error:
        raise UserError(
            f"{option} {path}: must be whole, got a damaged file: its content does not match its "
            "checksum; copy or download it again"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{option} {path}: must hold plain weights (safetensors, or a torch file that loads "
            "with weights_only=True), got something else"
        ) from error
    if isinstance(payload, dict) and payload.get("format") == checkpoint.FORMAT:
        payload = payload.get("weights", {})
    if isinstance(payload, dict) and isinstance(payload.get("state_dict"), dict):
        payload = payload["state_dict"]
    if not isinstance(payload, dict):
        raise UserError(f"{option} {path}: must hold a dict of tensors; pass a state_dict")
    return payload


def _finite(weights: dict[str, Tensor], where: str) -> dict[str, Tensor]:
    if key := checkpoint.not_finite(weights):
        raise UserError(
            f"{where}: must hold finite weights, got others in {key}; "
            "pass weights of a run that did not diverge"
        )
    return weights


def _in_timms_layout(payload: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of the network that is trained, without what its owners are called."""
    found = {}
    for key, value in payload.items():
        inner, others = _inner_key(key)
        if isinstance(value, Tensor) and not others:
            found[inner] = value
    return found


def _inner_key(key: str) -> tuple[str, bool]:
    """Strip a key's owners off, and tell whether it is part of a network that only follows."""
    first, dot, rest = key.partition(".")
    while dot and (first in _OWNERS or "online" in first):
        key = rest
        first, dot, rest = key.partition(".")
    return key, first in _FOLLOWERS or "target" in first


def unlike(weights: Iterable[str], own: Iterable[str]) -> str:
    """Say which keys a file has and which a network has, for a message that they do not fit.

    Args:
        weights: Keys of the file.
        own: Keys of the network.
    """
    theirs, ours = (", ".join(islice(keys, _SHOWN)) for keys in (weights, own))
    return f" (keys there: {theirs or 'none'}, …; here: {ours}, …)"


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
    backbone, head = deployable.backbone, KeptHead.from_payload(payload)
    if head is not None:
        _finite(head.weights, str(path))
    return Start(
        path, backbone.name, backbone.last_stage, backbone.image_px, deployable.head == "logits",
        dict(backbone.net.state_dict()), head, backbone.batchnorm_eps,
    )


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
    eps = metadata.get("batchnorm_eps")
    _finite(weights, str(path))
    return Start(
        path, str(name), kept, None, False, weights, batchnorm_eps=float(eps) if eps else None
    )
