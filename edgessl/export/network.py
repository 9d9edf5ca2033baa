"""The network that is exported: the checkpoint's, ending in the head that was asked for."""

from __future__ import annotations

from torch import nn

from edgessl.backbones import Deployable
from edgessl.errors import UserError

HEADS = ("logits", "probs", "features")


def with_head(deployable: Deployable, head: str, where: str) -> nn.Module:
    """Return the network that computes one kind of output.

    Args:
        deployable: The checkpoint's content.
        head: ``"logits"``, ``"probs"`` (softmax of the logits) or ``"features"`` (the backbone's).
        where: The checkpoint's name, for the message.

    Returns:
        Images ``(B, 3, H, W)`` to ``(B, K)``, in eval mode.

    Raises:
        UserError: The head is unknown, or needs a classifier that the checkpoint lacks.
    """
    if head not in HEADS:
        raise UserError(
            f"--head: must be one of {', '.join(HEADS)}, got '{head}'; leave it out for the "
            "checkpoint's own"
        )
    if head == "features":
        return deployable.backbone.eval()
    if deployable.head == "features":
        raise UserError(
            f"--head: must be features, for {where} has no classifier, got '{head}'; "
            "fine-tune it first: edgessl finetune"
        )
    if head == "probs":
        return nn.Sequential(deployable.module, nn.Softmax(dim=1)).eval()
    return deployable.module.eval()
