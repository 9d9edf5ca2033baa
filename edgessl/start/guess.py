"""Which known backbone a file holds, told by what fits."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from edgessl.errors import UserError
from edgessl.recipe.backbones import BACKBONES, TIMM
from edgessl.start.fit import Fit, fit_to, whole_net

_PX = 224


def looks_like(tensors: Mapping[str, Tensor], *, but: str = "") -> str:
    """Return the backbone that fits whole and uses the most of a file; empty if there is not one.

    Args:
        tensors: By the names of the file.
        but: A backbone that it is not.
    """
    fits = {name: fit for name, fit in _fits(tensors).items() if fit.whole and name != but}
    return best[0] if len(best := _most_used(fits)) == 1 else ""


def guess(tensors: Mapping[str, Tensor], where: str, option: str = "--backbone") -> str:
    """Return the one known backbone that fits whole and uses the most of a file.

    Args:
        tensors: By the names of the file.
        where: The file's name, for messages.
        option: What names the backbone.

    Raises:
        UserError: None fits whole, or several do equally well.
    """
    found = _fits(tensors)
    best = _most_used({name: fit for name, fit in found.items() if fit.whole})
    if len(best) == 1:
        return best[0]
    if best:
        raise UserError(
            f"{where}: must hold one backbone, but {' and '.join(best)} fit equally well; name it "
            f"with {option}"
        )
    closest = max(found, key=lambda name: len(found[name].weights) / _size(found[name]))
    raise UserError(
        f"{where}: must hold a whole backbone, but none that edgessl knows is in it (closest: "
        f"{closest}, {len(found[closest].weights)} of {_size(found[closest])} tensors); name it "
        f"with {option} NAME, where NAME may be {TIMM} and a network of timm"
    )


def _fits(tensors: Mapping[str, Tensor]) -> dict[str, Fit]:
    return {name: fit_to(whole_net(name, _PX), tensors) for name in BACKBONES}


def _most_used(fits: Mapping[str, Fit]) -> list[str]:
    most = max((len(fit.weights) for fit in fits.values()), default=0)
    return [name for name, fit in fits.items() if len(fit.weights) == most]


def _size(fit: Fit) -> int:
    return len(fit.weights) + len(fit.missing) + len(fit.misshapen)
