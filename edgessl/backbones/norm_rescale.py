"""NormRescale: give every tensor of a network another norm, for a better start of fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Scope = Literal["weights", "floats"]


@dataclass(frozen=True, slots=True)
class Rescaling:
    """A rescaled network, and what was done to it.

    Attributes:
        weights: All its tensors, by key.
        norms: Frobenius norm before and after, by key of each rescaled tensor.
        zero: Keys left as they are because their norm, or the anchor's, is 0.
        unmatched: Keys left as they are because the anchor lacks them.
        others: Keys left as they are because the scope leaves them out.
    """

    weights: dict[str, Tensor]
    norms: dict[str, tuple[float, float]]
    zero: tuple[str, ...]
    unmatched: tuple[str, ...]
    others: tuple[str, ...]


def in_scope(key: str, value: Tensor, scope: Scope) -> bool:
    """Say whether a tensor is rescaled.

    Args:
        key: Its key.
        value: The tensor.
        scope: ``"weights"``: of convolutions and linear layers only, so that BN statistics stay
            what they are. ``"floats"``: biases, BN scale and shift, and BN statistics as well, as
            the paper's code does. Counters are never rescaled.
    """
    if scope == "floats":
        return value.is_floating_point()
    return value.is_floating_point() and value.ndim >= 2 and key.rpartition(".")[2] == "weight"


def rescale_to_anchor(
    weights: Mapping[str, Tensor], anchor: Mapping[str, Tensor], scope: Scope
) -> Rescaling:
    """Give every tensor the norm that its namesake in another network has.

    ``B' = B |A| / |B|`` with Frobenius norms over whole tensors. The paper's code makes NaN of a
    tensor of norm 0 and drops counters and what the anchor lacks; here all these stay. Neither
    does a tensor vanish because its namesake has norm 0.

    Args:
        weights: Tensors of the network to change, by key.
        anchor: Those of a network like it.
        scope: What is rescaled; the paper's code: ``"floats"``.

    Source:
        Huang et al. 2022 (AIRL), supplement: "NormRescale", and its code.
    """
    factors, zero, unmatched = {}, [], []
    for key, value in weights.items():
        if not in_scope(key, value, scope):
            continue
        if key not in anchor:
            unmatched.append(key)
            continue
        own, other = _norm(value), _norm(anchor[key])
        if own == 0.0 or other == 0.0:
            zero.append(key)
        else:
            factors[key] = other / own
    return _scaled(weights, factors, scope, tuple(zero), tuple(unmatched))


def rescale_by_constant(
    weights: Mapping[str, Tensor], factor: float, scope: Scope
) -> Rescaling:
    """Multiply every tensor by the same number.

    Args:
        weights: Tensors of the network to change, by key.
        factor: The paper takes 0.1, because norms of weights trained with LARS are about 10 times
            those trained with SGD.
        scope: What is rescaled. The paper does not say; ``"weights"`` is the safest.

    Source:
        Huang et al. 2022 (AIRL), supplement, table 4.
    """
    chosen = {key: value for key, value in weights.items() if in_scope(key, value, scope)}
    zero = tuple(key for key, value in chosen.items() if _norm(value) == 0.0)
    factors = {key: factor for key in chosen if key not in zero}
    return _scaled(weights, factors, scope, zero, ())


def _scaled(
    weights: Mapping[str, Tensor],
    factors: Mapping[str, float],
    scope: Scope,
    zero: tuple[str, ...],
    unmatched: tuple[str, ...],
) -> Rescaling:
    found, norms = {}, {}
    for key, value in weights.items():
        found[key] = value
        if key in factors:
            found[key] = (value.double() * factors[key]).to(value.dtype)
            norms[key] = (_norm(value), _norm(found[key]))
    others = tuple(key for key, value in weights.items() if not in_scope(key, value, scope))
    return Rescaling(found, norms, zero, unmatched, others)


def _norm(value: Tensor) -> float:
    return float(torch.linalg.vector_norm(value.double()))
