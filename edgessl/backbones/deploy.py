"""The network that leaves the factory: a backbone, a classifier on it, and how to feed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from edgessl import checkpoint
from edgessl.backbones.backbone import Backbone
from edgessl.backbones.deploy_table import refuse_wrong_payload
from edgessl.backbones.readout import READOUTS, build_hidden, readout_dim
from edgessl.errors import UserError
from edgessl.recipe.backbones import Readout
from edgessl.recipe.method_tables.table import HiddenLayers


class Classifier(nn.Module):
    """A backbone with a linear classifier, and hidden layers between them where asked.

    Args:
        backbone: Images to features ``(B, D)``.
        num_classes: Number of classes ``K``.
        reads: What it reads of the backbone.
        hidden: Layers in between; None for none.

    Raises:
        UserError: The backbone does not have what is to be read.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        reads: Readout = "features",
        hidden: HiddenLayers | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.reads: Readout = reads
        self.hidden_table = hidden or HiddenLayers()
        widths = (readout_dim(backbone, reads), *self.hidden_table.widths)
        self.hidden = build_hidden(widths[0], self.hidden_table)
        self.fc = nn.Linear(widths[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Compute class logits.

        Args:
            images: Normalised images, ``(B, 3, H, W)``.

        Returns:
            Logits, ``(B, K)``.
        """
        logits: Tensor = self.fc(self.embed(images))
        return logits

    def embed(self, images: Tensor) -> Tensor:
        """Compute what the last layer reads.

        Args:
            images: Normalised images, ``(B, 3, H, W)``.

        Returns:
            Features, ``(B, D)``.
        """
        features: Tensor = self.hidden(READOUTS[self.reads](self.backbone, images))
        return features


@dataclass(frozen=True)
class Deployable:
    """What ``ckpt.pt`` holds.

    Attributes:
        module: A ``Classifier``, or a ``Backbone`` when there were no labels; in eval mode.
        head: ``"logits"`` for a classifier, ``"features"`` for a backbone.
        backbone: The backbone inside ``module``.
        classes: Class names in the order of the logits; empty for features.
        preprocess: Values of ``edgessl.data.preprocess.Preprocess``.
        provenance: Recipe, data, seed and version, as plain values; scores are in the run's
            ``report.json``.
        thresholds: Probability from which on each class counts as shown, where images may have
            several labels; empty where they have one.
        calibration: How its temperature was fitted, as plain values; empty where none was.
    """

    module: nn.Module
    head: str
    backbone: Backbone
    classes: tuple[str, ...]
    preprocess: dict[str, Any]
    provenance: dict[str, Any]
    thresholds: tuple[float, ...] = ()
    calibration: dict[str, Any] = field(default_factory=dict)

    @property
    def temperature(self) -> float:
        """What the logits of ``module`` are divided by already; 1 without calibration."""
        return float(self.calibration.get("temperature", 1.0))


def deployable_payload(
    module: Classifier | Backbone,
    *,
    classes: tuple[str, ...],
    preprocess: dict[str, Any],
    provenance: dict[str, Any],
    thresholds: tuple[float, ...] = (),
    calibration: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the checkpoint payload of a network, to be written with ``checkpoint.save``.

    Args:
        module: The network; its weights are written as they were trained.
        classes: Class names in the order of the logits.
        preprocess: Values of ``edgessl.data.preprocess.Preprocess``.
        provenance: Where it comes from, as plain values.
        thresholds: Probability from which on each class counts as shown, where images may have
            several labels.
        calibration: How the ``temperature`` was fitted that whoever reads it divides the logits by,
            as plain values; None where none was.
    """
    backbone = module.backbone if isinstance(module, Classifier) else module
    return {
        "kind": "deployable",
        "head": "logits" if isinstance(module, Classifier) else "features",
        "reads": module.reads if isinstance(module, Classifier) else "features",
        "hidden": module.hidden_table.to_dict() if isinstance(module, Classifier) else None,
        "backbone": backbone.name,
        "last_stage": backbone.last_stage,
        "image_px": backbone.image_px,
        "batchnorm_eps": backbone.batchnorm_eps,
        "classes": list(classes),
        "preprocess": preprocess,
        "provenance": provenance,
        **({"thresholds": list(thresholds)} if thresholds else {}),
        **({"calibration": calibration} if calibration else {}),
        "weights": checkpoint.weights_of(module),
    }


def deployable_from(payload: dict[str, Any], where: str) -> Deployable:
    """Rebuild the network from a checkpoint payload, by names, with no key missing.

    Args:
        payload: What ``checkpoint.load`` returned.
        where: The file's name, for the message.

    Raises:
        UserError: The checkpoint is of another kind, says what cannot be, or a weight of it is
            not finite.
    """
    if payload.get("kind") != "deployable":
        raise UserError(
            f"{where}: must hold a finished network, got a '{payload.get('kind')}' checkpoint; "
            "pass the ckpt.pt of the run folder"
        )
    refuse_wrong_payload(payload, where)
    try:
        module, backbone = _build(payload)
    except RuntimeError as error:  # of torch: it cannot be built, or its weights do not fit
        raise UserError(
            f"{where}: must hold every tensor of its {payload['backbone']} at "
            f"{payload['image_px']} px, got others; pass a file that a run of edgessl wrote"
        ) from error
    calibration = dict(payload.get("calibration") or {})  # a newer key
    if isinstance(module, Classifier):
        _divide_logits(module, calibration.get("temperature", 1.0))
    if key := checkpoint.not_finite(module.state_dict()):
        raise UserError(
            f"{where}: must hold finite weights, got others in "
            f"{key.removeprefix('backbone.').removeprefix('net.')}; "
            "pass a checkpoint of a run that did not diverge"
        )
    return Deployable(
        module=module.eval(),
        head=payload["head"],
        backbone=backbone,
        classes=tuple(payload["classes"]),
        preprocess=payload["preprocess"],
        provenance=payload["provenance"],
        thresholds=tuple(payload.get("thresholds") or ()),  # of several labels an image alone
        calibration=calibration,
    )


def _divide_logits(module: Classifier, temperature: float) -> None:
    """Divide the logits in the weights of the last layer, where it costs nothing."""
    if temperature != 1.0:
        with torch.no_grad():
            for parameter in module.fc.parameters():
                parameter.div_(temperature)


def _build(payload: dict[str, Any]) -> tuple[Classifier | Backbone, Backbone]:
    backbone = Backbone(
        payload["backbone"], payload["last_stage"], payload["image_px"],
        batchnorm_eps=payload.get("batchnorm_eps"),  # a newer key
    )  # fmt: skip
    module: Classifier | Backbone = backbone
    if payload["head"] == "logits":
        reads, hidden = payload.get("reads", "features"), payload.get("hidden")  # newer keys
        table = HiddenLayers.from_dict(hidden) if hidden else None
        module = Classifier(backbone, len(payload["classes"]), reads, table)
    module.load_state_dict(payload["weights"], strict=True)
    return module, backbone
