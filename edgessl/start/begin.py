"""Weights that pretraining starts from, loaded into a backbone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sized
from dataclasses import dataclass, field

from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.backbones.last_stage import last_stage_keys
from edgessl.errors import UserError
from edgessl.start.fit import Fit, fit_to, unlike, whole_net
from edgessl.start.guess import looks_like
from edgessl.start.source import NONE, open_weights

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Beginning:
    """What became of the weights.

    Attributes:
        told: A sentence that says how much was loaded; empty for ``none``.
        last_stage: Of the stage that the backbone is without, the weights that the start has for
            it, by the whole network's keys; it grows back with them.
    """

    told: str = ""
    last_stage: dict[str, Tensor] = field(default_factory=dict)


def initialise(backbone: Backbone, source: str) -> str:
    """Load given weights into a backbone, as ``begin_from`` does.

    Args:
        backbone: Changed in place.
        source: As there.

    Returns:
        A sentence that says how much was loaded; empty for ``none``.
    """
    return begin_from(backbone, source).told


def begin_from(backbone: Backbone, source: str) -> Beginning:
    """Load given weights into a backbone.

    Args:
        backbone: Changed in place.
        source: ``none``, ``imagenet``, ``timm:NAME``, or a file in any known layout.

    Raises:
        UserError: The file is none, or fits less than half of the backbone.
        EdgesslError: The weights cannot be downloaded.
    """
    if source == NONE:
        return Beginning()
    given = open_weights(source, backbone.name)
    whole = whole_net(backbone.name, backbone.image_px)
    fit = fit_to(whole, given.tensors)
    own = backbone.net.state_dict()
    fits = {key: value for key, value in fit.weights.items() if key in own}
    refuse_misfit(source, backbone.name, fits, own, given.tensors)
    backbone.net.load_state_dict(fits, strict=False)
    removed = last_stage_keys(whole) if backbone.last_stage == "remove" else frozenset()
    last = {key: value.clone() for key, value in fit.weights.items() if key in removed}
    told = [f"Starting from {source}: {len(fits)} of {len(own)} tensors loaded."]
    told += mistakes_of(fit, backbone.name, without=removed)
    if last and not last.keys() ^ removed:
        told.append(
            f"{len(last)} tensors of the last stage are kept aside: the recipe removes it for "
            "pretraining, and it grows back with them for fine-tuning."
        )
    elif removed:
        last = {}
        told.append(
            "They do not hold the last stage, which the recipe removes for pretraining: it grows "
            "back with new weights for fine-tuning."
        )
    if fit.strange:
        told.append(warning(looks_like(given.tensors, but=backbone.name), backbone.name))
    return Beginning(" ".join(told), last)


def refuse_misfit(
    source: str, backbone: str, fits: Sized, own: Collection[str], tensors: Iterable[str]
) -> None:
    """Refuse weights of which less than half of a network can be loaded.

    Args:
        source: What ``--init`` says.
        backbone: The network's name.
        fits: What fits.
        own: Keys of the network.
        tensors: Names in the file.

    Raises:
        UserError: They do not fit.
    """
    if len(fits) * 2 < len(own):
        raise UserError(
            f"--init {source}: must fit {backbone}, but only {len(fits)} of {len(own)} "
            f"tensors do{unlike(tensors, own)}; pass weights of the same backbone"
        )


def mistakes_of(fit: Fit, backbone: str, *, without: Iterable[str] = ()) -> list[str]:
    """Say what did not fit, a sentence each; nothing if all did.

    Args:
        fit: What was found.
        backbone: The network's name.
        without: Keys that it does not need.
    """
    told = []
    if fit.layout.name != "timm":
        told.append(f"The file names them as {fit.layout.name} does.")
    not_there = [key for key in fit.missing if key not in without]
    if not_there and not all(key.endswith("num_batches_tracked") for key in not_there):
        told.append(f"Not in the file, and as they were drawn: {grouped(not_there)}.")
    wrong = [key for key in fit.misshapen if key not in without]
    if wrong:
        theirs, ours = fit.misshapen[wrong[0]]
        told.append(
            f"Of another shape, and as they were drawn: {grouped(wrong)}, such as {wrong[0]}: "
            f"{_shape(theirs)} there, {_shape(ours)} here."
        )
    if fit.left_over:
        told.append(f"Left over in the file: {grouped(fit.left_over, fit.prefix)}.")
    return told


def warning(other: str, backbone: str) -> str:
    """Say that weights look like those of another network.

    Args:
        other: Which one; empty where it is not known.
        backbone: The one that they were loaded into.
    """
    what = f"of {other}" if other else "of another network"
    return f"Warning: these look like weights {what}, not of {backbone}."


def grouped(names: Iterable[str], prefix: str = "") -> str:
    """Count names of tensors by where they lie: ``12 tensors (layer1 8, fc 4)``.

    Args:
        names: Dotted.
        prefix: What is left out at their start.
    """
    inner = [name.removeprefix(prefix) if name.startswith(prefix) else name for name in names]
    counts = Counter(_place(name) for name in inner)
    shown = ", ".join(f"{place} {count}" for place, count in counts.most_common(_SHOWN))
    more = ", …" if len(counts) > _SHOWN else ""
    return f"{len(inner)} tensor{'' if len(inner) == 1 else 's'} ({shown}{more})"


def _place(name: str) -> str:
    parts = name.split(".")[:-1] or [name]
    return ".".join(parts[:2]) if len(parts) > 2 else parts[0]


def _shape(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"
