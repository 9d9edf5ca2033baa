"""What a user may name as general weights, opened."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

from edgessl.recipe.backbones import BACKBONES, TIMM
from edgessl.start.imagenet import imagenet_weights, weights_of_timm
from edgessl.start.origin import Given, Origin, Triple, sha256_of
from edgessl.start.tensor_file import read_file

NONE = "none"
IMAGENET = "imagenet"
_OF = f"{IMAGENET}:"


def is_named(source: str) -> bool:
    """Tell whether a source is a name, ``imagenet``, ``imagenet:BACKBONE`` or ``timm:NAME``.

    Args:
        source: What the user passed.
    """
    return source == IMAGENET or source.startswith((_OF, TIMM))


def backbone_of(source: str) -> str:
    """Return the backbone that a name speaks of; empty for a file and for ``imagenet`` alone.

    Args:
        source: What the user passed.
    """
    if source.startswith(TIMM):
        return TIMM + source.removeprefix(TIMM).partition(".")[0]
    return source.removeprefix(_OF) if source.startswith(_OF) else ""


def open_weights(source: str, backbone: str, option: str = "--init") -> Given:
    """Read general weights, wherever they are.

    Args:
        source: ``imagenet``, ``imagenet:BACKBONE``, ``timm:NAME`` or a file.
        backbone: The network that they are for, which ``imagenet`` alone means; where it is not
            known, empty.
        option: What the user passed a file to, for messages; empty if it is an argument.

    Raises:
        UserError: It names nothing that can be read, or a weight is not finite.
        EdgesslError: The weights cannot be downloaded.
    """
    if source == IMAGENET or source.startswith(_OF):
        return imagenet_weights(source.removeprefix(_OF) if ":" in source else backbone, source)
    if source.startswith(TIMM):
        return weights_of_timm(source.removeprefix(TIMM), source)
    path = Path(source)
    file = read_file(path, option)
    found = file.about.get("preprocess")
    preprocess = found if isinstance(found, dict) else {}
    network = str(file.about.get("backbone", ""))
    mean, std = (_triple(preprocess.get(key)) for key in ("mean", "std"))
    return Given(
        file.tensors,
        Origin(source, str(path), sha256_of(path), network=network, mean=mean, std=std),
    )


def _triple(values: object) -> Triple | None:
    if not isinstance(values, list | tuple) or len(values) != 3:
        return None
    if not all(isinstance(value, int | float) and isfinite(value) for value in values):
        return None
    return float(values[0]), float(values[1]), float(values[2])


def as_tensorflow_pads(backbone: str) -> str:
    """Return timm's network that is a backbone but for its padding, which is TensorFlow's.

    Args:
        backbone: A key of ``BACKBONES``, or ``timm:NAME``.

    Returns:
        ``timm:tf_...``; empty where timm has none.
    """
    import timm

    name = backbone.removeprefix(TIMM)
    name = BACKBONES[name].timm_name if name in BACKBONES else name
    twin = name if name.startswith("tf_") else f"tf_{name}"
    return f"{TIMM}{twin}" if twin in timm.list_models() else ""
