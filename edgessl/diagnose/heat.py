"""Where a network looks: Grad-CAM of the last stage, or attention rollout of a transformer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import interpolate

from edgessl.diagnose.subject import Subject
from edgessl.metrics.features import normalised_batches, restored_modes

_BATCH = 32
ROLLOUT, GRAD_CAM = "attention rollout", "Grad-CAM of the last stage"
Target = Callable[[Tensor, Tensor], Tensor]
"""Features ``(B, D)`` and the positions of their images ``(B,)`` to a score ``(B,)``."""


def heat_kind(subject: Subject) -> str:
    """Say which maps a network gives; empty if none, as of an exported file.

    Args:
        subject: The network.
    """
    if subject.backbone is None:
        return ""
    if isinstance(subject.backbone.net, VisionTransformer):
        return ROLLOUT
    return GRAD_CAM if hasattr(subject.backbone.net, "forward_features") else ""


def cells_of(subject: Subject) -> int:
    """Count the places that a map tells apart: cells of the last stage, or patches.

    Args:
        subject: A network of which ``heat_kind`` is not empty.
    """
    backbone, side = subject.backbone, subject.side_px
    if backbone is None:
        return 0
    net = backbone.net
    if isinstance(net, VisionTransformer):
        return int(net.patch_embed.num_patches)
    image = torch.zeros(1, 3, side, side, device=subject.device)
    with restored_modes(backbone), torch.inference_mode():
        backbone.eval()
        shape = cast(Any, net).forward_features(image).shape
    height, width = (shape[place] for place in _space(net))
    return int(height * width)


def _space(net: nn.Module) -> tuple[int, int]:
    return (1, 2) if getattr(net, "output_fmt", "NCHW") == "NHWC" else (2, 3)


def heat_maps(
    subject: Subject, pixels: NDArray[np.uint8], target: Target
) -> list[NDArray[np.float32]]:
    """Compute where a network looks in some images.

    Args:
        subject: A network of which ``heat_kind`` is not empty.
        pixels: ``(N, 3, H, W)`` uint8, as its preprocessing cuts them.
        target: For Grad-CAM, the score whose causes are looked for; rollout has none.

    Returns:
        A map ``(H, W)`` for each image, from 0 to 1; zero everywhere where nothing speaks for the
        score.
    """
    backbone = subject.backbone
    if backbone is None:
        return []
    net, maps, done = backbone.net, [], 0
    preprocess = subject.preprocess
    batches = normalised_batches(
        pixels, preprocess.mean, preprocess.std, device=subject.device, batch_size=_BATCH
    )
    with restored_modes(backbone), torch.enable_grad():
        backbone.eval()
        for images in batches:
            if isinstance(net, VisionTransformer):
                found = attention_rollout(net, images)
            else:
                ids = torch.arange(done, done + len(images))
                found = grad_cam(net, images, partial(_scored, target, ids))
            done += len(images)
            maps += _enlarged(found, images.shape[-1])
    return maps


def _scored(target: Target, ids: Tensor, outputs: Tensor) -> Tensor:
    return target(outputs, ids)


def output_target(subject: Subject, rows: Tensor) -> Target:
    """Return the score that a feature has along a direction of its own for each image.

    Args:
        subject: The network.
        rows: Directions, ``(N, D)``: such as a class's mean less the mean of all.
    """
    directions = rows.to(subject.device)
    return lambda outputs, ids: (outputs * directions[ids.to(subject.device)]).sum(dim=1)


def logit_target(subject: Subject, labels: Tensor) -> Target:
    """Return the logit of a class of its own for each image.

    Args:
        subject: A classifier.
        labels: Class indices in the order of its logits, ``(N,)``.
    """
    classifier = subject.classifier
    if classifier is None:
        raise ValueError(f"{subject.name} is no classifier")
    labels = labels.to(subject.device)

    def target(outputs: Tensor, ids: Tensor) -> Tensor:
        read = outputs
        if classifier.reads == "normalised_features":
            read = nn.functional.normalize(outputs, dim=1)
        logits = classifier.fc(classifier.hidden(read))
        chosen: Tensor = logits.gather(1, labels[ids.to(subject.device)][:, None])[:, 0]
        return chosen

    return target


def reads_features(subject: Subject) -> bool:
    """Tell whether a classifier reads the features, so that its logits are theirs.

    Args:
        subject: The network.
    """
    return subject.classifier is not None and subject.classifier.reads != "last_4_blocks"


def grad_cam(net: nn.Module, images: Tensor, target: Callable[[Tensor], Tensor]) -> Tensor:
    """Weigh the last stage's channels by how much the score rises with them.

    Args:
        net: A network of timm, in eval mode.
        images: Normalised images, ``(B, 3, H, W)``.
        target: Features ``(B, D)`` to a score ``(B,)``.

    Returns:
        Maps ``(B, h, w)``, not negative.

    Source:
        Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2.
    """
    parts = cast(Any, net)
    with torch.no_grad():
        found = parts.forward_features(images)
    maps = found.detach().requires_grad_(True)
    score = target(parts.forward_head(maps, pre_logits=True)).sum()
    (gradient,) = torch.autograd.grad(score, maps)
    space = _space(net)
    channel = 3 if space == (1, 2) else 1
    weights = gradient.mean(dim=space, keepdim=True)
    weighted: Tensor = (weights * maps.detach()).sum(dim=channel)
    return weighted.clamp_min(0.0)


def attention_rollout(net: VisionTransformer, images: Tensor) -> Tensor:
    """Multiply the attention of all blocks, half of each block being its residual.

    Args:
        net: A vision transformer of timm's kind, in eval mode.
        images: Normalised images, ``(B, 3, H, W)``.

    Returns:
        What the class token, or the mean of all patches, takes from each patch, ``(B, h, w)``.

    Source:
        Abnar & Zuidema 2020, arXiv:2005.00928, section 3.
    """
    with torch.no_grad(), _attention_of(net) as attention:
        net.forward_features(images)
    prefix = net.num_prefix_tokens
    tokens = attention[0].shape[-1]
    same = torch.eye(tokens, device=images.device)
    rollout = same.expand(len(images), -1, -1)
    for weights in attention:
        mixed = 0.5 * weights.mean(dim=1) + 0.5 * same
        rollout = mixed @ rollout
    from_patches = rollout[:, :, prefix:]
    taken = from_patches[:, 0] if prefix else from_patches.mean(dim=1)
    side = net.patch_embed.grid_size
    return taken.reshape(len(images), *side)


@contextmanager
def _attention_of(net: VisionTransformer) -> Iterator[list[Tensor]]:
    """Collect the attention of every block, which the fused kernels do not give."""
    found: list[Tensor] = []
    layers = [cast(Any, block).attn for block in net.blocks]
    fused = [layer.fused_attn for layer in layers]
    hooks = [
        layer.attn_drop.register_forward_pre_hook(lambda _module, inputs: found.append(inputs[0]))
        for layer in layers
    ]
    try:
        for layer in layers:
            layer.fused_attn = False
        yield found
    finally:
        for hook in hooks:
            hook.remove()
        for layer, before in zip(layers, fused, strict=True):
            layer.fused_attn = before


def _enlarged(maps: Tensor, side: int) -> list[NDArray[np.float32]]:
    """Bring maps to the image's size, each from 0 to 1; rollout's floor is taken away."""
    low = maps.amin(dim=(1, 2), keepdim=True)
    high = maps.amax(dim=(1, 2), keepdim=True)
    shares = torch.where(high > low, (maps - low) / (high - low).clamp_min(1e-12), 0.0)
    large = interpolate(shares[:, None], size=(side, side), mode="bilinear")[:, 0]
    return [*large.float().cpu().numpy()]
