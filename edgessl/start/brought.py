"""What general weights change in the recipe that they are used with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgessl.recipe.backbones import TIMM
from edgessl.start.begin import refuse_misfit
from edgessl.start.fit import Fit, fit_to, whole_net
from edgessl.start.origin import Given, Origin, Triple
from edgessl.start.source import NONE, as_tensorflow_pads, open_weights


@dataclass(frozen=True, slots=True)
class Brought:
    """What comes with weights.

    Attributes:
        backbone: The network that they were trained in.
        batchnorm_eps: What its BN adds to variances; None: as timm has it.
        mean: Per-channel mean that images are normalised with; None where it is not known.
        std: The same of the standard deviation.
        sentences: What the user is told of it.
        origin: Where they come from.
    """

    backbone: str
    batchnorm_eps: float | None = None
    mean: Triple | None = None
    std: Triple | None = None
    sentences: tuple[str, ...] = ()
    origin: Origin | None = None

    @property
    def provenance(self) -> dict[str, Any]:
        """What every checkpoint of the run says about its start, as plain values."""
        return {"weights": self.origin.to_dict()} if self.origin else {}

    @property
    def changes(self) -> tuple[str, ...]:
        """The same as ``KEY=VALUE`` changes to a recipe."""
        found = [f"backbone.name={self.backbone}"]
        if self.batchnorm_eps is not None:
            found.append(f"backbone.batchnorm_eps={self.batchnorm_eps}")
        found += [f"image.{key}={[*value]}" for key, value in self._normalisation() if value]
        return tuple(found)

    def _normalisation(self) -> tuple[tuple[str, Triple | None], ...]:
        return ("mean", self.mean), ("std", self.std)


def brought_by(given: Given, fit: Fit, backbone: str, image_px: int) -> Brought:
    """Say what weights bring along.

    Args:
        given: The weights.
        fit: How they fit the backbone.
        backbone: The network that they are used for.
        image_px: Side of its images.
    """
    origin, layout = given.origin, fit.layout
    twin = as_tensorflow_pads(backbone)
    padded = bool(twin) and (layout.pads_as_tensorflow or origin.network == twin)
    network = twin if padded else backbone
    mean, std = origin.mean, origin.std
    if mean is None and padded:
        mean, std = _as_timm_has_it(twin)
    told = []
    if network != backbone:
        told.append(
            f"These weights were trained with TensorFlow's padding, so the network is {network}: "
            f"{backbone} in all but that."
        )
    if mean is not None and std is not None:
        told.append(
            f"Images are normalised as for these weights: mean {_short(mean)}, std {_short(std)}."
        )
    if differs := layout.differs(whole_net(network, image_px)):
        told.append(differs)
    eps = layout.batchnorm_eps(whole_net(network, image_px))
    return Brought(network, eps, mean, std, tuple(told), origin)


def brought_to(source: str, backbone: str, image_px: int) -> Brought | None:
    """Open what ``--init`` names, before any work, and say what it brings along.

    Args:
        source: What ``--init`` says.
        backbone: The recipe's.
        image_px: Side of its images.

    Returns:
        What comes with the weights; None for ``none``.

    Raises:
        UserError: It names nothing that can be read, or fits less than half of the backbone.
        EdgesslError: The weights cannot be downloaded.
    """
    if source == NONE:
        return None
    given, net = open_weights(source, backbone), whole_net(backbone, image_px)
    fit = fit_to(net, given.tensors)
    refuse_misfit(source, backbone, fit.weights, net.state_dict(), given.tensors)
    brought = brought_by(given, fit, backbone, image_px)
    return replace(brought, sentences=(given.origin.told(), *brought.sentences))


def _as_timm_has_it(network: str) -> tuple[Triple, Triple] | tuple[None, None]:
    import timm

    config = timm.get_pretrained_cfg(network.removeprefix(TIMM))
    if config is None:
        return None, None
    mean, std = config.mean, config.std
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])


def _short(values: Triple) -> str:
    same = len(set(values)) == 1
    return f"{values[0]:g}" if same else ", ".join(f"{value:g}" for value in values)
