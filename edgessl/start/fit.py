"""Which tensors of a file are which of a network's, and which are not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import torch
from torch import Tensor, nn

from edgessl.backbones.build_net import build_net
from edgessl.backbones.positions import with_positions_for
from edgessl.start.layout import Layout
from edgessl.start.layouts import LAYOUTS

_POSITIONS = "pos_embed"
_PATCHES = "patch_embed.proj.weight"
_COUNTER = "num_batches_tracked"
_HEADS = ("classifier", "fc", "_fc", "head")
"""First parts of names that are a classifier's in one network and nothing in another."""
_FOLLOWERS = re.compile(r"encoder_k|queue|target|momentum|(?<![a-z])ema(?![a-z])")
"""Words in the names of a network that only follows the one that is trained."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Fit:
    """What a file holds of a network.

    Attributes:
        weights: The tensors that fit, by the network's keys, in its shapes.
        missing: Keys of the network that the file has no tensor for.
        misshapen: The same that the file has in another shape: that, and ours.
        left_over: Keys of the file that the network has no tensor for.
        strange: Of those, the ones that belong to a network, not to its classifier.
        layout: How the file names things.
        prefix: Below which the network lies in the file; empty or with a dot at its end.
    """

    weights: dict[str, Tensor]
    missing: tuple[str, ...]
    misshapen: dict[str, tuple[torch.Size, torch.Size]]
    left_over: tuple[str, ...]
    strange: tuple[str, ...]
    layout: Layout
    prefix: str

    @property
    def whole(self) -> bool:
        """Whether nothing of the network is missing, but counters that no result depends on."""
        return not self.misshapen and all(key.endswith(_COUNTER) for key in self.missing)


@lru_cache(maxsize=32)
def whole_net(name: str, image_px: int) -> nn.Module:
    """Build a network with its last stage, of shapes without weights; draw nothing.

    It is the same object at the next call: look at it only.

    Args:
        name: Of a backbone.
        image_px: Side of its images.
    """
    with torch.device("meta"), torch.random.fork_rng(devices=[]):  # draw nothing of the run's
        return build_net(name, image_px, dropout=0.0, drop_path=0.0)


def fit_to(net: nn.Module, tensors: Mapping[str, Tensor]) -> Fit:
    """Find a network in a file: in the layout and below the prefix that fit most of it.

    Args:
        net: Its shapes are all that counts.
        tensors: By the names of the file.
    """
    own = {key: value.shape for key, value in net.state_dict().items()}
    found = [one for layout in LAYOUTS for one in _places(net, layout, own, tensors)]
    best = max(found, key=lambda place: (place.count, place.rank, -len(place.prefix)))
    return _at(net, best, own, tensors)


@dataclass(frozen=True, slots=True)
class _Place:
    """A layout and a prefix, and how much of the network they find.

    Attributes:
        layout: How things are named.
        prefix: Below which they lie.
        keys: Keys of the network, by those of the file without prefix.
        count: How many tensors are there in the right shape.
        rank: Higher for what is trained than for what follows it.
    """

    layout: Layout
    prefix: str
    keys: dict[str, str]
    count: int
    rank: int


def _places(
    net: nn.Module, layout: Layout, own: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]
) -> Iterator[_Place]:
    ours = {module: name for name, module in layout.names(net).items()}
    named = {own_name: theirs for theirs, own_name in layout.own_tensors.items()}
    keys = {
        (f"{ours[module]}." if ours[module] else "") + named.get(key, tensor): key
        for key in own for module, _, tensor in [key.rpartition(".")] if module in ours
    }  # fmt: skip
    yield _Place(layout, "", keys, 0, 0)
    for prefix, count in _prefixes(keys, own, tensors, flat=layout.flat_patches).items():
        yield _Place(layout, prefix, keys, count, _rank(prefix))


def _prefixes(
    keys: Mapping[str, str], own: Mapping[str, torch.Size], tensors: Mapping[str, Tensor],
    *, flat: bool = False,
) -> Counter[str]:
    """Count, for every prefix, how many of the keys lie below it in the right shape."""
    return Counter(
        prefix for name, value in tensors.items() for prefix, inner in _splits(name)
        if inner in keys and _fits(keys[inner], value.shape, own[keys[inner]], flat)
    )  # fmt: skip


def below_prefix(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what lies beside the tensors of a network in a file, the prefix taken off.

    Args:
        own: The network's, in timm's names.
        tensors: By the names of the file, which are timm's below some prefix.
    """
    shapes = {key: value.shape for key, value in own.items()}
    counts = _prefixes({key: key for key in own}, shapes, tensors)
    best = max(counts, key=lambda prefix: (counts[prefix], _rank(prefix)), default="")
    return {
        name.removeprefix(best): value for name, value in tensors.items() if name.startswith(best)
    }


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Give every way to cut a dotted name in two: ``("", "a.b")``, ``("a.", "b")``."""
    start = 0
    while True:
        yield name[:start], name[start:]
        dot = name.find(".", start)
        if dot < 0:
            return
        start = dot + 1


def _rank(prefix: str) -> int:
    """Prefer the network that is trained, but DINO's teacher, which its paper evaluates."""
    if "teacher" in prefix:
        return 2
    return 0 if _FOLLOWERS.search(prefix) else 1


def _fits(key: str, given: torch.Size, own: torch.Size, flat: bool) -> bool:
    """Tell whether a shape is ours, or a linear layer's where ours is a 1x1 convolution's.

    With ``flat``, also a linear layer's over all pixels of a transformer's patch.
    """
    if key == _POSITIONS and len(given) == len(own) == 3:
        return given[0] == own[0] and given[2] == own[2]
    if flat and key == _PATCHES and len(given) == 2:
        return given[0] == own[0] and given[1] == own[1:].numel()
    ones = own[2:] == (1, 1) and given == own[:2], given[2:] == (1, 1) and own == given[:2]
    return given == own or any(ones)


def _at(
    net: nn.Module, place: _Place, own: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]
) -> Fit:
    weights: dict[str, Tensor] = {}
    misshapen: dict[str, tuple[torch.Size, torch.Size]] = {}
    used = set()
    for inner, key in place.keys.items():
        value = tensors.get(place.prefix + inner)
        if value is None:
            continue
        used.add(place.prefix + inner)
        if not _fits(key, value.shape, own[key], place.layout.flat_patches):
            misshapen[key] = value.shape, own[key]
        elif key == _PATCHES and value.ndim == 2:
            weights[key] = _unflattened(value, own[key])
        else:
            weights[key] = value if key == _POSITIONS else value.reshape(own[key])
    weights = with_positions_for(net, weights)
    for key in [key for key, value in weights.items() if value.shape != own[key]]:
        misshapen[key] = weights.pop(key).shape, own[key]
    left_over = tuple(name for name in tensors if name not in used)
    firsts = {inner.split(".")[0] for inner in place.keys}.difference(_HEADS)
    below = ((name, name.removeprefix(place.prefix)) for name in left_over
             if name.startswith(place.prefix))  # fmt: skip
    return Fit(
        weights, tuple(key for key in own if key not in weights and key not in misshapen),
        misshapen, left_over,
        tuple(name for name, inner in below if inner.split(".")[0] in firsts),
        place.layout, place.prefix,
    )  # fmt: skip


def _unflattened(value: Tensor, own: torch.Size) -> Tensor:
    """Turn a linear layer over a patch's pixels, channels innermost, into a convolution."""
    rows = value.reshape(own[0], own[2], own[3], own[1])
    return rows.permute(0, 3, 1, 2).contiguous()


def unlike(weights: Iterable[str], own: Iterable[str]) -> str:
    """Say which keys a file has and which a network has, for a message that they do not fit.

    Args:
        weights: Keys of the file.
        own: Keys of the network.
    """
    theirs, ours = (", ".join(islice(keys, _SHOWN)) for keys in (weights, own))
    return f" (keys there: {theirs or 'none'}, …; here: {ours}, …)"
