"""Weights to start from: a file, or a network of timm."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.backbones.positions import with_positions_for
from edgessl.errors import EdgesslError, UserError


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
        _from_timm(source) if source.startswith("timm:") else read_weights(Path(source), "--init")
    )
    weights = with_positions_for(backbone.net, weights)
    own = backbone.net.state_dict()
    fits = {key: value for key, value in weights.items()
            if key in own and own[key].shape == value.shape}
    if len(fits) * 2 < len(own):
        raise UserError(
            f"--init {source}: must fit {backbone.name}, but only {len(fits)} of {len(own)} "
            "tensors do; pass weights of the same backbone"
        )
    backbone.net.load_state_dict(fits, strict=False)
    return f"Starting from {source}: {len(fits)} of {len(own)} tensors loaded."


def _from_timm(source: str) -> dict[str, Tensor]:
    import timm

    name = source.removeprefix("timm:")
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
        UserError: It is none of these.
    """
    if not path.is_file():
        known = "'none', 'timm:NAME' or a file" if option == "--init" else "a file"
        raise UserError(f"{option} {path}: must be {known}, found none")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise UserError(f"{option} {path}: must be a safetensors file, got {error}") from error
    try:
        payload = checkpoint.read_tensors(path)
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
    return {_timm_key(key): value for key, value in payload.items() if isinstance(value, Tensor)}


def _timm_key(key: str) -> str:
    for prefix in ("module.", "backbone.", "net."):
        key = key.removeprefix(prefix)
    return key
