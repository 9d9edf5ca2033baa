"""What to change when outputs collapse, by the recipe's keys and values."""

from __future__ import annotations

from edgessl.recipe.method_tables import MethodTable
from edgessl.recipe.optim_tables import Optim

MEANINGS = {
    "uniform": "every output gives all prototypes equal weight",
    "collapsed": "the outputs are the same for all images",
    "starved": "a few prototypes win for all images",
    "narrow": "the outputs vary in one or two dimensions only",
    "scattered": "two views of an image are no more alike than views of different images",
}
_HEAVY_DECAY = 0.02  # weight decay from which on it is a suspect
_FAST = 1.0  # peak learning rate from which on it is one


def advice(method: MethodTable, optim: Optim, word: str, optim_key: str = "optim") -> str:
    """Say in words what to change, the likeliest first.

    Args:
        method: The method's settings, which know what to change of them.
        optim: Optimiser and schedule.
        word: The health: a key of ``MEANINGS``.
        optim_key: Where the recipe gives ``optim``.
    """
    wanted = [*_suspects(optim, optim_key), *method.advice(word)]
    if not any("optim.lr" in one for one in wanted):
        wanted.append(f"a lower {optim_key}.lr (now {optim.lr:g})")
    return f"{MEANINGS[word]}. Try {', or '.join(wanted[:3])}"


def _suspects(optim: Optim, key: str) -> list[str]:
    """Name values of the optimiser that are out of the ordinary."""
    found = []
    decay = max(optim.weight_decay)
    if optim.name == "sgd" and decay >= _HEAVY_DECAY:
        found.append(f"a lower {key}.weight_decay (now {decay:g}; usual is 1e-4)")
    if optim.name == "sgd" and optim.lr > _FAST:
        found.append(f"a lower {key}.lr (now {optim.lr:g}; usual is 0.03 to 0.5)")
    return found
