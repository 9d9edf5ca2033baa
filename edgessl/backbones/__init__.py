"""Low-compute backbones: images ``(B, 3, H, W)`` to features ``(B, D)``."""

from edgessl.backbones.backbone import Backbone, LastStage
from edgessl.backbones.deploy import Classifier, Deployable, deployable_from, deployable_payload
from edgessl.recipe.backbones import BACKBONES

__all__ = [
    "BACKBONES",
    "Backbone",
    "Classifier",
    "Deployable",
    "LastStage",
    "deployable_from",
    "deployable_payload",
]
